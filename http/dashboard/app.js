// SPDX-License-Identifier: GPL-2.0-or-later
// The first page: a table of containers, read again every 5 seconds while the page is seen. What
// containers say about themselves is hostile: it reaches the page by textContent alone.
"use strict";

const PERIOD_MS = 5000;
const TIME_LIMIT_MS = 15000;

function cell(row, text, kind) {
	const td = document.createElement("td");
	td.textContent = text === undefined || text === null ? "" : String(text);
	if (kind)
		td.className = kind;
	row.append(td);
}

function localTime(text) {
	const time = new Date(text);
	return Number.isNaN(time.getTime()) ? "" : time.toLocaleString();
}

function show(list) {
	const rows = document.createDocumentFragment();
	for (const c of list) {
		const row = document.createElement("tr");
		cell(row, c.name);
		cell(row, c.image);
		cell(row, c.state);
		cell(row, c.runtime);
		cell(row, c.short_id, "id");
		cell(row, c.started ? localTime(c.started) : "");
		rows.append(row);
	}
	document.getElementById("rows").replaceChildren(rows);
	document.getElementById("containers").hidden = false;
	document.getElementById("summary").textContent =
		list.length + (list.length === 1 ? " container" : " containers");
	document.getElementById("notice").hidden = true;
}

function fail(text) {
	const notice = document.getElementById("notice");
	notice.textContent = text;
	notice.hidden = false;
}

function loginWanted() {
	const notice = document.getElementById("notice");
	const link = document.createElement("a");
	const code = document.createElement("code");
	link.href = "/login";
	link.textContent = "log in";
	code.textContent = "bulkhead token";
	notice.replaceChildren("A token is needed: run ", code, " on the host as root, then ", link, ".");
	notice.hidden = false;
	document.getElementById("containers").hidden = true;
}

async function update() {
	try {
		const answer = await fetch("/api/v1/containers", {
			signal: AbortSignal.timeout(TIME_LIMIT_MS),
		});
		const body = await answer.json();
		if (answer.status === 401 || answer.status === 403)
			loginWanted();
		else if (answer.ok)
			show(body.containers || []);
		else
			fail(body.error ? body.error.message : "The answer was " + answer.status + ".");
	} catch (error) {
		fail("bulkhead does not answer: " + error.message);
	}
}

async function run() {
	if (!document.hidden)
		await update();
	setTimeout(run, PERIOD_MS);
}

run();
