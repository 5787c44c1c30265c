# SPDX-License-Identifier: GPL-2.0-or-later
"""A strict reader of the Prometheus text format 0.0.4, without timestamps."""

import re

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_VALUE = re.compile(r"[-+]?(\d+\.?\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|Inf)|NaN")
_TYPES = ("counter", "gauge", "histogram", "summary", "untyped")


class Bad(AssertionError):
    pass


class Sample:
    __slots__ = ("name", "labels", "value", "line")

    def __init__(self, name, labels, value, line):
        self.name, self.labels, self.value, self.line = name, labels, value, line


def _labels(text, at, number):
    """Reads {..} from text[at], which is '{'. Returns the labels and where they end."""
    labels = {}
    at += 1
    while text[at:at + 1] != "}":
        m = _LABEL.match(text, at)
        if not m or text[m.end():m.end() + 2] != '="':
            raise Bad(f"line {number}: bad label at column {at}: {text!r}")
        at = m.end() + 2
        value = []
        while True:
            c = text[at:at + 1]
            if c == "":
                raise Bad(f"line {number}: label value is not closed: {text!r}")
            if c == '"':
                break
            if c == "\\":
                escaped = {"\\": "\\", '"': '"', "n": "\n"}.get(text[at + 1:at + 2])
                if escaped is None:
                    raise Bad(f"line {number}: bad escape at column {at}: {text!r}")
                value.append(escaped)
                at += 2
                continue
            value.append(c)
            at += 1
        if m.group() in labels:
            raise Bad(f"line {number}: label {m.group()} twice: {text!r}")
        labels[m.group()] = "".join(value)
        at += 1
        if text[at:at + 1] == ",":
            at += 1
        elif text[at:at + 1] != "}":
            raise Bad(f"line {number}: after a label value comes ',' or '}}': {text!r}")
    return labels, at + 1


class Exposition:
    """families: name -> type; samples: all of them, in order."""

    def __init__(self, body):
        text = body.decode("utf-8")  # raises on invalid bytes
        if not text.endswith("\n"):
            raise Bad("the last line has no newline")
        self.text = text
        self.families, self.help, self.samples = {}, {}, []
        self._by_name = {}
        seen, done, current = set(), set(), None
        for number, line in enumerate(text[:-1].split("\n"), 1):
            if line.startswith("#"):
                self._comment(line, number, done)
                continue
            sample = self._sample(line, number)
            family = self._family(sample.name)
            if family != current:
                if family in done:
                    raise Bad(f"line {number}: {family} is not in one block")
                done.add(family)
                current = family
            key = (sample.name, tuple(sorted(sample.labels.items())))
            if key in seen:
                raise Bad(f"line {number}: series twice: {line!r}")
            seen.add(key)
            self.samples.append(sample)
            self._by_name.setdefault(sample.name, []).append(sample)

    def _comment(self, line, number, done):
        word = line.split(" ", 3)
        if len(word) < 3 or word[1] not in ("HELP", "TYPE"):
            return
        if word[2] in done:
            raise Bad(f"line {number}: {word[1]} after samples of {word[2]}")
        table, value = (self.help, word[3] if len(word) > 3 else "") if word[1] == "HELP" else (
            self.families, word[3])
        if word[2] in table:
            raise Bad(f"line {number}: second {word[1]} of {word[2]}")
        if word[1] == "TYPE" and value not in _TYPES:
            raise Bad(f"line {number}: type {value!r}")
        table[word[2]] = value

    def _family(self, name):
        if name in self.families:
            return name
        for end in ("_bucket", "_sum", "_count"):
            if name.endswith(end) and self.families.get(name[:-len(end)]) in ("histogram",
                                                                             "summary"):
                return name[:-len(end)]
        raise Bad(f"no TYPE for {name}")

    @staticmethod
    def _sample(line, number):
        m = _NAME.match(line)
        if not m:
            raise Bad(f"line {number}: no metric name: {line!r}")
        labels, at = {}, m.end()
        if line[at:at + 1] == "{":
            labels, at = _labels(line, at, number)
        if line[at:at + 1] != " ":
            raise Bad(f"line {number}: no space before the value: {line!r}")
        value = line[at + 1:]
        if not _VALUE.fullmatch(value):  # also refuses a timestamp: we never give one
            raise Bad(f"line {number}: bad value {value!r}: {line!r}")
        return Sample(m.group(), labels, float(value), line)

    def find(self, name, /, **labels):
        """All samples of `name` that have these labels."""
        return [s for s in self._by_name.get(name, ())
                if all(s.labels.get(k) == v for k, v in labels.items())]

    def value(self, name, /, **labels):
        """The value of the one sample that fits; None when there is none."""
        found = self.find(name, **labels)
        if len(found) > 1:
            raise Bad(f"{name}{labels}: {len(found)} series: {[s.line for s in found]}")
        return found[0].value if found else None

    def total(self, name, /, **labels):
        found = self.find(name, **labels)
        return sum(s.value for s in found) if found else None

    def names(self):
        return list(self._by_name)
