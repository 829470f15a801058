"""Charts: what is drawn adds up, and nothing in them is ever NaN or markup that came from outside."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from property_help import examples
from sparse_index.console.build import SKIPPED, WORST_FIRST, Sort
from sparse_index.console.charts import (
    HEIGHT,
    Series,
    Slot,
    bars,
    shares,
    strip,
    verdict_key,
    verdicts,
    waterfall,
)
from sparse_index.console.words import whole

VALUES = st.one_of(st.none(), st.floats(0, 1e15, allow_nan=False), st.integers(0, 10**12))
PLOT = HEIGHT - 34
DRAWN = frozenset({"svg", "a", "title", "rect", "path", "text", "polyline", "circle", "g"})


def parsed(svg: str) -> ElementTree.Element:
    assert "nan" not in svg.lower().replace("nanosecond", "")
    return ElementTree.fromstring(svg)


def heights(svg: str, colour: str) -> list[float]:
    """Of the bars of one layer."""
    paths = (path.attrib for path in parsed(svg).iter("path"))
    drawn = [path["d"] for path in paths if colour in (path.get("class"), path.get("stroke"))]
    return [float(height) for d in drawn for height in re.findall(r"v-([0-9.]+)", d)]


def slots(many: int) -> list[Slot]:
    return [Slot(f"build {number}", f"/b/{number}", "promoted") for number in range(many)]


@examples(60)
@given(st.lists(st.tuples(VALUES, VALUES), max_size=70))
def test_the_highest_bar_fills_the_plot_and_no_bar_is_higher(pairs: list[tuple[float | None, float | None]]) -> None:
    layers = [Series("a", [a for a, _ in pairs]), Series("b", [b for _, b in pairs])]
    svg = bars("t", slots(len(pairs)), layers, [], whole, one_scale=False)
    drawn = sum(heights(svg, "s0")) + sum(heights(svg, "url(#p1)"))
    totals = [(a or 0) + (b or 0) for a, b in pairs]
    top = max(totals, default=0)
    wanted = sum(total / top * PLOT for total in totals) if top > 0 else 0.0
    assert drawn == pytest.approx(wanted, abs=0.12 * max(1, len(pairs)))


@pytest.mark.parametrize("many", [0, 1, 60])
def test_any_number_of_builds_has_a_link_each(many: int) -> None:
    svg = bars("t", slots(many), [Series("a", [1.0] * many)], [Series("l", [2.0] * many)], whole, one_scale=True)
    assert [link.attrib["href"] for link in parsed(svg).iter("a")] == [f"/b/{number}" for number in range(many)]


def test_a_build_ten_thousand_times_larger_leaves_its_neighbours_a_place_to_press() -> None:
    svg = bars("t", slots(3), [Series("a", [1, 10_000, 1])], [], whole, one_scale=False)
    columns = [path.attrib["d"] for path in parsed(svg).iterfind("g/a/path")]
    assert [column.partition("v")[2] for column in columns] == [str(HEIGHT)] * 3
    assert max(heights(svg, "s0")) == PLOT


def test_a_line_is_broken_where_nothing_was_recorded() -> None:
    svg = bars("t", slots(5), [], [Series("l", [1, 2, None, 3, None])], whole, one_scale=False)
    tree = parsed(svg)
    assert len(list(tree.iter("polyline"))) == 1
    assert len(list(tree.iter("circle"))) == 1


@pytest.mark.parametrize("evil", ['"><svg onload=alert(1)>', "<script>", "a&b", "\u202eright to left"])
def test_texts_from_outside_stay_texts(evil: str) -> None:
    drawn = [
        bars(evil, [Slot(evil, evil, evil)], [Series(evil, [1])], [Series(evil, [1])], whole, one_scale=False),
        strip(evil, [Slot(evil, evil, evil)]),
        waterfall(evil, {evil: 1.0}, whole),
        shares(evil, {evil: 1.0}, whole),
        verdicts(evil, 1, {evil: [evil]}),
    ]
    for svg in drawn:
        tree = parsed(svg)
        assert tree.attrib["aria-label"] == evil
        assert tree.attrib["role"] == "img"
        assert {element.tag for element in tree.iter()} <= DRAWN
        assert not any(name.startswith("on") for element in tree.iter() for name in element.attrib)


def test_each_ending_has_a_shape_of_its_own() -> None:
    drawn = strip("t", [Slot("b", "/b", sort.value) for sort in Sort])
    shapes = dict(re.findall(r'class="mark (\w+)" d="M[0-9.]+ 9([^"]+)"', drawn))
    assert set(shapes) == {sort.value for sort in Sort}
    same = {Sort.PROMOTED, Sort.PLAN_ONLY}  # one is filled, the other is not
    assert len({shape for sort, shape in shapes.items() if sort not in same}) == len(shapes) - len(same)


def test_a_waterfall_goes_on_where_the_stage_before_has_ended() -> None:
    rects = [rect.attrib for rect in parsed(waterfall("t", {"scan": 2.0, "encode": 6.0}, whole)).iter("rect")]
    assert float(rects[0]["x"]) + float(rects[0]["width"]) == pytest.approx(float(rects[1]["x"]), abs=0.2)
    assert float(rects[1]["width"]) == pytest.approx(3 * float(rects[0]["width"]), abs=0.4)


def test_a_check_that_was_not_made_has_no_mark_and_a_strange_verdict_looks_like_a_failure() -> None:
    tree = parsed(verdicts("t", 4, {"count": ["pass", None, "fail", "strange"]}))
    drawn = [(path.attrib["class"], path.attrib["d"].count("M")) for path in tree.iter("path")]
    assert drawn == [("verdict pass", 1), ("verdict fail", 1), ("verdict fail", 1)]


def test_each_verdict_has_a_shape_of_its_own() -> None:
    key = verdict_key()
    assert set(key) == {*WORST_FIRST, SKIPPED}
    assert len({re.search(r' d="([^"]+)"', svg)[1] for svg in key.values()}) == len(key)  # type: ignore[index]
