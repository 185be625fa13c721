"""A report as a browser would see it."""

from html.parser import HTMLParser

VOID = {"br", "img", "input", "meta"}


class Page(HTMLParser):
    """What a browser would see: balanced elements, addresses, and the visible text by section."""

    def __init__(self, markup):
        super().__init__(convert_charrefs=True)
        self.open, self.addresses, self.elements, self.text, self.section = [], [], [], {"": ""}, ""
        self.feed(markup)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.elements.append((tag, given))
        self.addresses += [given[name] for name in ("src", "href") if name in given]
        if tag == "section":
            self.section = given["id"]
            self.text[self.section] = ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text[self.section] += data + "\n"

    def all(self, tag, **wanted):
        return [given for name, given in self.elements if name == tag and wanted.items() <= given.items()]


def read(report):
    """The page of a report, parsed, with its `markup` and the `report`."""
    markup = report.page.read_text(encoding="utf-8")
    parsed = Page(markup)
    parsed.markup, parsed.report = markup, report
    return parsed
