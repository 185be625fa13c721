"""What a screen says every few seconds, drawn only where it is new: a text or a title that is set is drawn anew."""

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static


def tell(line: Static, content: Content) -> None:
    """Lets a line say something, if it does not say it already."""
    shown = line.content
    if not isinstance(shown, Content) or shown.markup != content.markup:
        line.update(content)


def entitle(panel: Widget, title: Content, subtitle: Content) -> None:
    """Gives a panel its two titles, where they are others than it has."""
    if panel.border_title != title.markup:
        panel.border_title = title
    if (panel.border_subtitle or "") != subtitle.markup:
        panel.border_subtitle = subtitle
