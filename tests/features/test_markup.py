"""HTML goes, comparisons and type parameters stay."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.markup import remove_markup


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("<p>one</p><p>two</p>", "one two"),
        ("one<br>two<BR/>three", "one two three"),
        ("<ul><li>a</li><li>b</li></ul>", "a b"),
        ("<table><tr><td>host</td><td>up</td></tr></table>", "host up"),
        ("<b>V</b>PN is <span style='color:red'>down</span>", "VPN is down"),
        ("<style>p {color: red}</style><script>alert(1)</script>text", "text"),
        ("<!-- hidden -->text<!--[if mso]>outlook<![endif]-->", "text"),
        ("R&amp;D &lt;module&gt; &quot;x&quot; &#8217; &amp;amp;", 'R&D <module> "x" ’ &'),
        ('<a href="https://haneul.example/x">portal</a>', "portal"),
        ("<o:p></o:p>text", "text"),
        ('see <img src="data:image/png;base64,iVBORw0KGgo=" alt="x"> here', "see here"),
    ],
)
def test_takes_tags_out(raw: str, plain: str) -> None:
    """Tags, hidden contents and entities give way to what a browser shows."""
    assert " ".join(remove_markup(raw).split()) == plain


def test_blocks_become_lines() -> None:
    """A block stands on a line of its own."""
    assert remove_markup("<div>one</div><div>two</div>").split() == ["one", "two"]
    assert "\n" in remove_markup("one<br>two")


@pytest.mark.parametrize(
    "text",
    [
        "if a < b and c > d: pass",
        "List<String> and Map<A,B> do not compile",
        "1<A><10000",
        'File "<ipython-input-3>", line 1, in <module>',
        "Kim <kim@haneul.example> wrote",
        "a <- b -> c <= d",
        "?a=1&copy=2&lt=3",
        "<!-- never closed",
        "x <b and c> y",
    ],
)
def test_leaves_what_is_no_markup(text: str) -> None:
    """Comparisons, generics, addresses and parameters are left alone."""
    assert remove_markup(text) == text


def test_words_about_a_tag_keep_the_rest() -> None:
    """A tag without its end takes nothing of the text with it."""
    assert remove_markup("the page shows <script> and then stays white") == "the page shows  and then stays white"


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from(["<", ">", "b", "div", "/", "&", "amp;", "lt;", "gt;", " ", "p", "x", '="', "!--", "-->"]))
)
def test_removing_twice_changes_nothing(pieces: list[str]) -> None:
    """Plain text has no markup left, whatever its pieces."""
    plain = remove_markup("".join(pieces))
    assert remove_markup(plain) == plain
