"""The console as a person meets it: inside Airflow's UI, in a browser, by mouse and by keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from browsed import WIDTH, Visitor, Visitors
from console_airflow import REFUSING, ConsoleAirflow

if TYPE_CHECKING:
    from playwright.sync_api import Frame, Route

pytestmark = [pytest.mark.browser, pytest.mark.integration]
ROOT = Path(__file__).parents[2]
SHOTS = ROOT / ".local" / "console"
UNREADABLE = (ROOT / "tests" / "support" / "page_audit.js").read_text(encoding="utf-8")
CORPUS = "/corpora/tickets"
CLUSTER_DOWN = f"/clusters/{REFUSING}"
OF_A_CORPUS = ["Builds", "Generations", "Dead letters"]
ROLLBACK = "sparse_index_rollback"
OPENED = "isOpen => document.querySelectorAll('details').forEach((each) => { each.open = isOpen })"
REACHABLE = """() => [...document.querySelectorAll('a, button, input, select, summary')]
  .filter((each) => each.checkVisibility() || each.matches('.skip')).map((each) => each.innerText)"""
FOCUSED = """() => { const each = document.activeElement, style = getComputedStyle(each);
  return { says: each.innerText, isMarked: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 } }"""
# (Width of the window in pixels of the screen, zoom.)
WINDOWS = ((1024, 1), (WIDTH, 2))


def pages(airflow: ConsoleAirflow) -> dict[str, str]:
    return {
        "corpora": "/",
        "builds": CORPUS,
        "build": f"{CORPUS}/builds/{airflow.build_id}",
        "generations": f"{CORPUS}/generations",
        "search": f"{CORPUS}/search?q=water",
        "golden": f"{CORPUS}/search",
        "dead-letters": f"{CORPUS}/dead-letters",
        "costs": "/costs",
        "cluster": "/clusters/opensearch_default",
        "broken": "/corpora/torn",
        "janitor": "/janitor",
        "cluster-down": CLUSTER_DOWN,
    }


def shows(frame: Frame, heading: str) -> None:
    assert frame.inner_text("h1") == heading


def test_the_way_from_the_navigation_to_a_build_and_back(viewer: Visitor, airflow: ConsoleAirflow) -> None:
    build = f"{CORPUS}/builds/{airflow.build_id}"
    viewer.goes_to("/")
    viewer.page.click("a[href$='/plugin/search']")
    viewer.arrives("/").click("a:text-is('tickets')")
    viewer.arrives(CORPUS).click(f"a:text-is('{airflow.build_id}')")
    shows(viewer.arrives(build), f"tickets: build {airflow.build_id}")
    viewer.page.go_back()
    shows(viewer.arrives(CORPUS), "tickets")
    viewer.page.go_forward()
    viewer.arrives(build)
    viewer.page.reload()
    shows(viewer.arrives(build), f"tickets: build {airflow.build_id}")


def test_an_address_without_airflow_around_it_moves_into_it(viewer: Visitor) -> None:
    viewer.goes_to(f"/sparse-index{CORPUS}/generations")
    shows(viewer.arrives(f"{CORPUS}/generations"), "tickets: generations")
    viewer.goes_to(f"/sparse-index{CORPUS}/generations?plain")
    assert viewer.page.query_selector("iframe") is None
    assert viewer.page.inner_text("h1") == "tickets: generations"


def test_the_way_from_a_run_of_airflow_to_its_build_and_back(viewer: Visitor, airflow: ConsoleAirflow) -> None:
    run = f"/dags/{airflow.corpus.dag_id}/runs/{quote(airflow.run_id, safe='')}"
    viewer.goes_to(f"{run}/tasks/receipt/details")
    viewer.page.click("a:text-is('Build')")
    viewer.page.wait_for_selector("iframe")
    shows(viewer.frame, f"tickets: build {airflow.build_id}")
    viewer.frame.click("a:text-is('The run')")
    viewer.page.wait_for_url(f"**{viewer.base}/dags/{airflow.corpus.dag_id}/runs/**")
    assert viewer.page.query_selector("iframe") is None


def test_who_may_only_read_has_no_buttons_and_is_refused_by_hand(visitors: Visitors, airflow: ConsoleAirflow) -> None:
    with visitors.visit("", "viewer") as visitor:
        frame = visitor.opens(f"{CORPUS}/generations")
        assert frame.query_selector_all("button[data-dialog]") == []
        body = {"logical_date": None, "conf": {"corpus": "tickets", "generation": "previous"}}
        assert visitor.asks("POST", f"/api/v2/dags/{ROLLBACK}/dagRuns", body)[0] == 403
        assert [links(frame), links(visitor.turns_to(CORPUS))] == [["All corpora", "Costs", *OF_A_CORPUS]] * 2
    with visitors.visit("", "user") as visitor:
        assert links(visitor.opens(CORPUS)) == ["All corpora", "Costs", *OF_A_CORPUS, "Search"]


def links(frame: Frame) -> list[str]:
    return [each.inner_text() for each in frame.query_selector_all("nav[aria-label='Search'] a")]


def test_going_back_asks_twice_and_leads_to_the_run(visitors: Visitors, airflow: ConsoleAirflow, base: str) -> None:
    with visitors.visit(base, "user") as visitor:
        frame = visitor.opens(f"{CORPUS}/generations")
        before = runs(visitor)
        frame.click("table button[data-dialog]")
        assert "the alias 'live-tickets' of corpus tickets goes back" in frame.inner_text("dialog[open]").lower()
        frame.click("dialog[open] button[data-close]")
        assert frame.query_selector("dialog[open]") is None
        assert runs(visitor) == before
        frame.click("table button[data-dialog]")
        frame.click("dialog[open] button[type=submit]")
        frame.click("dialog[open] a:has-text('has been started')")
        visitor.page.wait_for_url(f"**{base}/dags/{ROLLBACK}/runs/**")
        (run,) = (each for each in runs(visitor) if each not in before)
        assert quote(run[0], safe="") in visitor.page.url
        assert run[1:] == ("user", "tickets")


def test_a_lost_answer_starts_no_second_run(visitors: Visitors, airflow: ConsoleAirflow) -> None:
    """The run is started, and a gateway's page comes back; who presses again is led to that run."""
    with visitors.visit("", "user") as visitor:
        frame = visitor.opens(f"{CORPUS}/generations")
        before, address = runs(visitor), f"**/dags/{ROLLBACK}/dagRuns"
        visitor.page.route(address, lose_answer)
        frame.click("table button[data-dialog]")
        frame.click("dialog[open] button[type=submit]")
        frame.wait_for_selector("text=Airflow says 502. Press again: it starts no second run.")
        visitor.page.unroute(address)
        frame.click("dialog[open] button[type=submit]")
        frame.wait_for_selector("dialog[open] a:has-text('has been started')")
        (run,) = (each for each in runs(visitor) if each not in before)
        assert run[0] in frame.inner_text("dialog[open]")
        visitor.wrong[:] = [said for said in visitor.wrong if "502" not in said and "409" not in said]


def lose_answer(route: Route) -> None:
    route.fetch()
    route.fulfill(status=502, content_type="text/html", body="<h1>Bad gateway</h1>")


def runs(visitor: Visitor) -> list[tuple[str, str, str]]:
    """(Id, who started it, of which corpus) of each rollback."""
    found = visitor.asks("GET", f"/api/v2/dags/{ROLLBACK}/dagRuns")[1]["dag_runs"]
    return [(each["dag_run_id"], each["triggering_user_name"], each["conf"].get("corpus", "")) for each in found]


def test_a_login_that_has_ended_leads_to_a_new_one_and_back(
    visitors: Visitors, airflow: ConsoleAirflow, base: str
) -> None:
    page_path = f"{CORPUS}/generations"
    with visitors.stranger(base) as visitor:
        visitor.goes_to(f"/plugin/search{base}/sparse-index{page_path}")
        visitor.page.fill("input[name=username]", "user")
        visitor.page.fill("input[name=password]", airflow.logins[base].password)
        visitor.page.click("button[type=submit]")
        shows(visitor.arrives(page_path), "tickets: generations")
        visitor.wrong[:] = [said for said in visitor.wrong if "status of 401" not in said]


def test_a_keyboard_is_enough(visitors: Visitors) -> None:
    """All that can be pressed is reached in the order of the page, and marked; a dialog holds the keys until it is left."""
    with visitors.visit("", "user") as visitor:
        frame, press = visitor.opens(f"{CORPUS}/generations"), visitor.page.keyboard.press
        frame.focus("a.skip")
        wanted, visited = frame.evaluate(REACHABLE), [frame.evaluate(FOCUSED)]
        for _ in wanted[1:]:
            press("Tab")
            visited.append(frame.evaluate(FOCUSED))
        assert [each["says"] for each in visited] == wanted
        assert [each["says"] for each in visited if not each["isMarked"]] == []
        frame.focus("table button[data-dialog]")
        press("Enter")
        frame.wait_for_selector("dialog[open]")
        assert frame.evaluate("() => document.activeElement.closest('dialog[open]') !== null")
        press("Escape")
        frame.wait_for_selector("dialog[open]", state="detached")
        assert frame.evaluate("() => document.activeElement.matches('table button[data-dialog]')")


def switch(visitor: Visitor, theme: str) -> None:
    """As another window of the same person does it: this one is not loaded again."""
    visitor.page.evaluate(
        "theme => { localStorage.setItem('theme', theme); "
        "dispatchEvent(new StorageEvent('storage', { key: 'theme', newValue: theme, storageArea: localStorage })) }",
        theme,
    )
    visitor.page.wait_for_selector(f"html.{theme}")
    visitor.frame.wait_for_selector(f"html.{theme}")


GROUND = "() => getComputedStyle(document.body).backgroundColor"
AROUND = "() => getComputedStyle(document.documentElement).backgroundColor"


def test_the_page_has_airflows_colours_and_follows_them(visitors: Visitors) -> None:
    with visitors.visit("", "viewer") as visitor:
        frame, seen = visitor.opens("/"), set()
        frame.evaluate("() => { window.isTheSamePage = true }")
        for theme in ("light", "dark", "light"):
            switch(visitor, theme)
            ground = frame.evaluate(GROUND)
            assert ground == visitor.page.evaluate(AROUND), theme
            seen.add(ground)
        assert len(seen) == 2
        assert frame.evaluate("() => window.isTheSamePage")


def test_every_page_can_be_read(visitors: Visitors, airflow: ConsoleAirflow) -> None:
    """Contrast, and no sideways scrolling on a small screen nor in a browser zoomed to 200 %, also with all tables open."""
    wrong: list[str] = []
    with visitors.visit("", "admin") as visitor:
        visitor.opens("/")
        for name, path in pages(airflow).items():
            visitor.turns_to(path)
            for theme in ("light", "dark"):
                switch(visitor, theme)
                visitor.page.screenshot(path=SHOTS / f"{name}-{theme}.png")
                wrong += [f"{name}, {theme}: {said}" for said in complaints(visitor)]
    assert wrong == []


def complaints(visitor: Visitor) -> list[str]:
    frame = visitor.frame
    frame.evaluate(OPENED, True)
    found = list(frame.evaluate(UNREADABLE))
    for width, zoom in WINDOWS:
        with visitor.window(width, zoom):
            wide, there = frame.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
            found += [f"{wide} wide where {there} are there, in {width} at {zoom:.0%}"] if wide > there else []
    frame.evaluate(OPENED, False)
    return found


def test_a_cluster_that_is_down_is_said_in_each_block_and_the_builds_stay(visitors: Visitors) -> None:
    with visitors.visit("", "viewer") as visitor:
        frame = visitor.opens(CLUSTER_DOWN)
        said = [each.inner_text() for each in frame.query_selector_all("[role=alert]")]
        assert len(said) >= 6
        assert [words for words in said if "no answer from the cluster" not in words] == []
        visitor.turns_to("/corpora/lost").wait_for_selector("text=No build yet")


def test_a_run_that_was_never_seen_at_work_is_not_waited_for(visitors: Visitors, airflow: ConsoleAirflow) -> None:
    """As where another attempt of it has planned another build: what would have come new, were the page to load again?"""
    with visitors.visit("", "user") as visitor, airflow.planned_run() as (run_id, build_id):
        visitor.page.route(
            f"**/dagRuns/{quote(run_id, safe='')}", lambda route: route.fulfill(json={"state": "success"})
        )
        frame = visitor.opens(f"{CORPUS}/builds/{build_id}")
        frame.wait_for_selector("text=The run has ended: success. Reload to see its receipt.")


def test_a_build_at_work_shows_its_parts(visitors: Visitors, airflow: ConsoleAirflow) -> None:
    """The run is a real one that stays queued; what its tasks would say is given to the browser, as nothing runs them here."""
    with visitors.visit("", "user") as visitor, airflow.planned_run() as (run_id, build_id):
        api = f"**/dagRuns/{quote(run_id, safe='')}/taskInstances"
        running = {
            "task_instances": [{"task_id": "encode", "map_index": 3, "state": "running"}],
            "total_entries": 3,
        }
        value = {"stage": "encode", "done": 1_200, "total": 4_000, "per_second": 80.0, "seconds_left": 35}
        stored = {"task_state_store": [{"key": "progress", "value": value}]}
        visitor.page.route(f"{api}?state=running*", lambda route: route.fulfill(json=running))
        visitor.page.route(f"{api}/encode/state-store?map_index=3", lambda route: route.fulfill(json=stored))
        frame = visitor.opens(f"{CORPUS}/builds/{build_id}")
        frame.wait_for_selector("progress[aria-label='encode 3'][value='1200'][max='4000']")
        shown = frame.inner_text("[data-progress]")
        assert "The run is queued. At work: encode 3 and 2 more." in shown
        assert "encode 3: 1,200 of 4,000, 80/s, time left 35 s" in shown
