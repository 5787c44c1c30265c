// SPDX-License-Identifier: GPL-2.0-or-later
/* The kubelet's settings: flags before its file, as it takes them itself. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "collector/base/parse.h"
#include "detector/posture_host.h"

enum test { IS, IS_NOT, IS_SET, IS_UNSET, HAS_NOT };

struct kube_item {
	const char *item, *title, *flag, *key;
	enum test test;
	const char *value;
	const char *usual; /* what counts where it is not set; NULL: nothing does */
	const char *mend;
};

static const struct kube_item items[] = {
	{ "4.2.1", "the kubelet serves nobody without a name", "anonymous-auth",
	  "authentication.anonymous.enabled", IS, "false", "true",
	  "authentication.anonymous.enabled: false in the kubelet's file" },
	{ "4.2.2", "the kubelet asks whether a client may", "authorization-mode",
	  "authorization.mode", HAS_NOT, "AlwaysAllow", "AlwaysAllow",
	  "authorization.mode: Webhook in the kubelet's file" },
	{ "4.2.3", "the kubelet knows an authority of clients", "client-ca-file",
	  "authentication.x509.clientCAFile", IS_SET, "", NULL,
	  "authentication.x509.clientCAFile in the kubelet's file" },
	{ "4.2.4", "the port without a login is closed", "read-only-port", "readOnlyPort", IS, "0",
	  "0", "readOnlyPort: 0 in the kubelet's file" },
	{ "4.2.5", "idle connections end", "streaming-connection-idle-timeout",
	  "streamingConnectionIdleTimeout", IS_NOT, "0", "4h0m0s",
	  "streamingConnectionIdleTimeout: 5m in the kubelet's file" },
	{ "4.2.6", "the kubelet keeps its rules of the firewall", "make-iptables-util-chains",
	  "makeIPTablesUtilChains", IS, "true", "true",
	  "makeIPTablesUtilChains: true in the kubelet's file" },
	{ "4.2.7", "the node has its own name", "hostname-override", NULL, IS_UNSET, "", NULL,
	  "leave out --hostname-override" },
	{ "4.2.8", "events are not held back without end", "event-qps", "eventRecordQPS", IS_NOT,
	  "-1", "50", "eventRecordQPS: 5 in the kubelet's file" },
	{ "4.2.9", "the kubelet has a certificate", "tls-cert-file", "tlsCertFile", IS_SET, "",
	  NULL, "tlsCertFile and tlsPrivateKeyFile in the kubelet's file, or serverTLSBootstrap" },
	{ "4.2.10", "certificates of the kubelet are renewed", "rotate-certificates",
	  "rotateCertificates", IS_NOT, "false", "true",
	  "rotateCertificates: true in the kubelet's file" },
	{ "4.2.11", "the certificate that it serves with is renewed", NULL,
	  "featureGates.RotateKubeletServerCertificate", IS_NOT, "false", "true",
	  "featureGates.RotateKubeletServerCertificate: true in the kubelet's file" },
	{ "4.2.12", "weak ciphers are off", "tls-cipher-suites", "tlsCipherSuites", IS_SET, "",
	  NULL, "tlsCipherSuites in the kubelet's file: those with ECDHE and GCM alone" },
	{ "4.2.13", "processes of a pod are limited", "pod-max-pids", "podPidsLimit", IS_NOT, "-1",
	  "-1", "podPidsLimit in the kubelet's file" },
};

static bool holds(const struct kube_item *k, const char *value)
{
	switch (k->test) {
	case IS:
		return value && strcasecmp(value, k->value) == 0;
	case IS_NOT:
		return value && strcasecmp(value, k->value) != 0;
	case IS_SET:
		return value && *value;
	case IS_UNSET:
		return !value;
	case HAS_NOT:
		return value && !strstr(value, k->value);
	}
	return false;
}

void host_kubernetes(struct host *h)
{
	if (!h->has_kubelet) {
		host_tell(h, HOST_KUBERNETES, "4", "this host is a node of Kubernetes", HOST_ABSENT,
			  NULL, "no kubelet, and no file of one");
		return;
	}
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		const struct kube_item *k = &items[i];
		const char *value = k->flag ? host_flag(&h->kubelet, k->flag, false) : NULL;
		const char *from = "flag";

		if (!value && k->key) {
			value = host_setting_of(h->kube, h->kube_n, k->key);
			from = h->kube_path;
		}
		/* one that runs without a file has what is usual */
		if (!value && h->kube_error < 0 && !(h->kubelet.pid && h->kube_error == -ENOENT)) {
			host_tell(h, HOST_KUBERNETES, k->item, k->title, HOST_UNREADABLE, NULL,
				  "%.128s: %s", h->kube_path, strerror(-h->kube_error));
			continue;
		}
		const bool good = holds(k, value ? value : k->usual);

		host_tell(h, HOST_KUBERNETES, k->item, k->title, good ? HOST_PASS : HOST_FAIL,
			  k->mend, "%s is %s%.64s%s%.96s", k->flag ? k->flag : k->key,
			  value ? "'" : "not set", value ? value : "", value ? "' by " : "",
			  value ? from : "");
	}
}
