# SPDX-License-Identifier: GPL-2.0-or-later
"""A strict reader of the Prometheus text format 0.0.4, without timestamps."""

import re

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_VALUE = re.compile(r"[-+]?(\d+\.?\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|Inf)|NaN")


def _no_groups(pattern):
    return re.sub(r"\((?!\?)", "(?:", pattern.pattern)


# A whole good line at once: expositions have tens of thousands. What does not fit is read again,
# slowly, to say why.
_PAIR = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"')
_LINE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:%s(?:,|(?=\})))*)\})? (%s)" %
                   (_no_groups(_PAIR), _no_groups(_VALUE)))
_TYPES = ("counter", "gauge", "histogram", "summary", "untyped")


class Bad(AssertionError):
    pass


def _plain(text):
    if "\\" not in text:
        return text
    return re.sub(r'\\(.)', lambda m: "\n" if m.group(1) == "n" else m.group(1), text)


class Sample:
    __slots__ = ("name", "value", "line", "_text", "_labels")

    def __init__(self, name, text, value, line):
        self.name, self.value, self.line = name, value, line
        self._text, self._labels = text, None

    @property
    def labels(self):
        if self._labels is None:
            found = _PAIR.findall(self._text or "")
            self._labels = {n: _plain(v) for n, v in found}
            if len(self._labels) != len(found):
                raise Bad(f"a label twice: {self.line!r}")
        return self._labels


def _fault(line):
    """What is wrong with a line that is not a sample; a timestamp is wrong too, we give none."""
    name = _NAME.match(line)
    if not name:
        return "no metric name"
    at = name.end()
    if line[at:at + 1] == "{":
        at += 1
        while line[at:at + 1] != "}":
            pair = _PAIR.match(line, at)
            if not pair or line[pair.end():pair.end() + 1] not in (",", "}"):
                return f"bad label at column {at + 1}"
            at = pair.end() + (line[pair.end()] == ",")
        at += 1
    return f"bad value {line[at:]!r}"


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
            m = _LINE.fullmatch(line)
            if not m:
                raise Bad(f"line {number}: {_fault(line)}: {line!r}")
            sample = Sample(m.group(1), m.group(2), float(m.group(3)), line)
            family = self._family(sample.name)
            if family != current:
                if family in done:
                    raise Bad(f"line {number}: {family} is not in one block")
                done.add(family)
                current = family
            key = line[:m.start(3)]
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
