"""What holds of every text of a campaign."""

from __future__ import annotations

from campaigns.texts import BadText, MissingValue, Template, fold, read_template

_VALUE = "{v} [a|b]"
_SIGNS = str.maketrans("", "", "{}[]|")


def check_texts(data: bytes) -> None:
    """The text, and the same with all brackets doubled."""
    text = data.decode(errors="replace")
    check_escaped(text)
    read_template.cache_clear()
    try:
        template = read_template(text)
    except BadText as error:
        assert error.near and len(error.near) <= 40
        return
    fields = dict.fromkeys(template.names, _VALUE)
    assert template.variant_count >= 1
    assert not template.missing(fields)
    made = template.render(fields, seed="s")
    assert made == template.render(fields, seed="s")
    assert len(made) <= template.longest(fields)
    _check_words(template, made, text)
    _check_missing(template)


def check_escaped(text: str) -> None:
    """Doubled curly brackets are brackets; without a bar square ones are too."""
    bare = text.replace("|", "")
    doubled = bare.replace("{", "{{").replace("}", "}}")
    assert read_template(doubled).render({}, seed="") == bare


def _check_words(template: Template, made: str, text: str) -> None:
    """Nothing is sent that was not written; all is, where nothing is to choose."""
    written = text.translate(_SIGNS)
    if template.variant_count == 1 and not template.names:
        assert made.translate(_SIGNS) == written
    for part in template.parts:
        for words in part:
            for word in words:
                assert not isinstance(word, str) or word in text


def _check_missing(template: Template) -> None:
    """`missing` and `longest` agree on whether a row can be sent to."""
    missing = template.missing({})
    assert [fold(name) for name in missing] == list(dict.fromkeys(map(fold, missing)))
    try:
        template.longest({})
    except MissingValue as error:
        assert fold(error.name) in [fold(name) for name in missing]
    else:
        assert not missing
