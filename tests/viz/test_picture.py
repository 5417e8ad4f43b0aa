"""Pictures look as the lecture's do, hold nothing hostile, and are the same bytes everywhere."""

import dataclasses
import html.parser
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from gallery import GALLERY, HOSTILE_NAMES, picture

from viz.picture import Edge, Math, Node, Picture, Plain
from viz.rendering.geometry import Disc
from viz.rendering.inspection import faults

DRAWN = {name: make() for name, make in GALLERY.items()}
DIAMOND = DRAWN["diamond"]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", GALLERY)
def test_nothing_overlaps_or_is_cut_off_and_every_arrow_arrives(name: str) -> None:
    assert faults(DRAWN[name].scene) == []


def test_the_inspection_sees_what_it_should() -> None:
    scene = DIAMOND.scene
    first, *others = scene.arrows
    assert first.label is not None
    on_node = dataclasses.replace(first, label=first.label.moved((-60.0, 20.0)))
    through = dataclasses.replace(first, path=(scene.arrows[0].path[0], (scene.bounds.right + 50, 0.0)))
    found = faults(dataclasses.replace(scene, arrows=(on_node, *others)))
    assert any("lies on node" in fault for fault in found)
    found = faults(dataclasses.replace(scene, arrows=(through, *others)))
    assert any("does not reach" in fault for fault in found) and any("cuts off" in fault for fault in found)


def test_the_picture_is_the_lecture_s() -> None:
    scene = DIAMOND.scene
    x, a1, a2, y = scene.nodes
    assert all(isinstance(node.solid, Disc) for node in scene.nodes)
    assert len({node.solid.radius for node in scene.nodes if isinstance(node.solid, Disc)}) == 1
    centers = [node.solid.center for node in (x, a1, a2, y)]
    assert centers[0][0] < centers[1][0] == centers[2][0] < centers[3][0]
    assert centers[1][1] < centers[0][1] == centers[3][1] < centers[2][1]
    assert [arrow.path[-1][0] > arrow.path[0][0] for arrow in scene.arrows] == [True] * 4


def test_nodes_of_a_rank_keep_their_order() -> None:
    scene = DRAWN["mini_network"].scene
    heights = {placed.lines[0].drawing.text: placed.solid.center[1] for placed in scene.nodes}
    for letter in "xaz":
        assert heights[f"{letter}_0"] < heights[f"{letter}_1"] < heights[f"{letter}_2"]


def test_labels_of_crossing_arrows_stand_near_the_tail() -> None:
    for arrow in DRAWN["mini_network"].scene.arrows[:9]:
        assert arrow.label is not None
        (tail_x, _), (head_x, _) = arrow.path[0], arrow.path[-1]
        assert arrow.label.box.center[0] < (tail_x + head_x) / 2


def test_parallel_edges_stay_two_arrows() -> None:
    first, second = DRAWN["parallel"].scene.arrows
    assert first.path != second.path
    assert DRAWN["parallel"].svg.count('class="edge"') == 2


def test_a_shared_arrow_shows_all_its_colours() -> None:
    svg = ET.fromstring(DRAWN["highlighted"].svg)
    shared = [group for group in svg.iter(f"{SVG}g") if group.get("data-head") == "4"]
    assert {path.get("stroke") for path in shared[0].iter(f"{SVG}path")} >= {"#d62728", "#1f77b4"}
    assert {path.get("fill") for path in shared[0].iter(f"{SVG}path")} >= {"#d62728", "#1f77b4"}


@pytest.mark.parametrize("name", ["diamond", "hostile", "highlighted", "mini_network", "boxes_down"])
def test_the_same_picture_is_the_same_bytes_in_another_process(name: str) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from gallery import GALLERY; "
        "drawn = GALLERY[sys.argv[2]](); sys.stdout.buffer.write((drawn.dot + drawn.svg).encode())"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, str(Path(__file__).parent), name],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "12345"},
    )
    assert answer.stdout == (DRAWN[name].dot + DRAWN[name].svg).encode()


def test_the_dot_is_readable() -> None:
    dot = DIAMOND.dot
    assert "n1 [label=a_1 " in dot and "rankdir=LR" in dot
    assert "n0 -> n1 [id=e0 xlabel=3]" in dot


def test_backslashes_and_html_in_names_are_text_to_the_engine() -> None:
    dot = DRAWN["hostile"].dot
    assert r"\\input{/etc/passwd}" in dot and r"\\N \\G \\l" in dot
    assert 'label="&lt;b&gt;html label&lt;/b&gt;"' in dot
    assert "\u202e" not in dot and "\x00" not in dot


def test_hostile_names_are_only_text() -> None:
    svg = DRAWN["hostile"].svg
    tree = ET.fromstring(svg)
    shapes = {element.tag.removeprefix(SVG) for element in tree.iter()}
    assert shapes == {"svg", "title", "g", "path", "rect", "circle"}
    attributes = {name for element in tree.iter() for name in element.attrib}
    assert not any(name.startswith("on") or "href" in name or name == "style" for name in attributes)
    assert "<script" not in svg and "\u202e" not in svg and "\x00" not in svg
    titles = [title.text for title in tree.iter(f"{SVG}title")]
    assert HOSTILE_NAMES[0] in titles


def test_the_page_loads_and_runs_nothing() -> None:
    page = DRAWN["hostile"].html
    tags: list[str] = []

    class Collector(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)

    Collector().feed(page)
    assert "script" not in tags and "svg" in tags and tags.count("meta") == 3
    assert "default-src 'none'" in page
    assert set(re.findall(r"https?://[^\s\"']+", page)) == {"http://www.w3.org/2000/svg"}


def test_every_node_and_arrow_has_a_title() -> None:
    for group in ET.fromstring(DIAMOND.svg).iter(f"{SVG}g"):
        if group.get("class") in ("node", "edge"):
            title = group.find(f"{SVG}title")
            assert title is not None and title.text


def test_the_png_is_sharp_and_scale_enlarges_it() -> None:
    def size(drawn: Picture) -> tuple[int, int]:
        assert drawn.png[:8] == b"\x89PNG\r\n\x1a\n"
        return int.from_bytes(drawn.png[16:20]), int.from_bytes(drawn.png[20:24])

    bounds = DIAMOND.scene.bounds
    width, _ = size(DIAMOND)
    assert width == pytest.approx(2 * (bounds.right - bounds.left), abs=2)
    assert size(dataclasses.replace(DIAMOND, scale=1.5))[0] == pytest.approx(1.5 * width, abs=3)


def test_background_may_be_absent_or_coloured() -> None:
    assert 'fill="white"' in DIAMOND.svg
    assert 'fill="white"' not in dataclasses.replace(DIAMOND, background="none").svg
    assert 'fill="#ffeecc"' in dataclasses.replace(DIAMOND, background="#ffeecc").svg


def test_a_notebook_shows_the_drawing() -> None:
    bundle = DIAMOND._repr_mimebundle_()
    assert bundle == {"image/svg+xml": DIAMOND.svg, "text/plain": "Picture of 4 nodes and 4 arrows"}


@pytest.mark.parametrize("suffix", [".svg", ".png", ".html", ".dot", ".SVG"])
def test_a_picture_is_saved_in_the_form_of_its_suffix(suffix: str, tmp_path: Path) -> None:
    target = tmp_path / f"diamond{suffix}"
    target.write_bytes(b"an older picture")
    assert DIAMOND.save(target) == target
    made = getattr(DIAMOND, suffix[1:].lower())
    assert target.read_bytes() == (made if isinstance(made, bytes) else made.encode())
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("picture.pdf", ValueError, r"\.svg, \.png, \.html or \.dot; 'picture\.pdf' ends in '\.pdf'\. Give"),
        ("picture", ValueError, "ends in none of them"),
        ("missing/picture.svg", FileNotFoundError, "missing' does not. Create it first"),
        ("folder.svg", OSError, "cannot .it is a folder.. Choose another place"),
    ],
)
def test_what_cannot_be_saved_is_explained(
    name: str, error: type[Exception], said: str, tmp_path: Path
) -> None:
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(error, match=said):
        DIAMOND.save(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.svg"]


def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "diamond.svg"
    target.write_text("old")

    def refuse(source: object, destination: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError, match=r"Permission denied\)\. Choose another place"):
        DIAMOND.save(target)
    assert target.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Picture((Node("0", ()), Node("0", ())), ()), "'0' was given twice"),
        (lambda: Picture((Node("0", ()),), (Edge("0", "7"),)), "no node has the id '7'"),
        (lambda: Picture((), (), direction="up"), "'right' or 'down', not 'up'"),
        (lambda: Picture((), (), scale=0.0), "scale must lie above 0"),
        (lambda: Picture((), (), background="url(x)"), "not 'url.x.'"),
        (lambda: Node("0", (), shape="star"), "not 'star'"),
        (lambda: Node("0", (), color='red" onload="x'), "must be a name such as 'red'"),
        (lambda: Edge("0", "1", colors=("red:blue",)), "must be a name such as 'red'"),
    ],
)
def test_a_picture_that_makes_no_sense_is_refused(make: object, said: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=said):
        make()


def test_a_name_too_long_for_a_circle_gets_a_capsule_and_others_stay_equal() -> None:
    drawn = Picture((Node("0", (Math("x"),)), Node("1", (Plain("a very long name"),))), (Edge("0", "1"),))
    circle, capsule = drawn.scene.nodes
    assert isinstance(circle.solid, Disc) and not isinstance(capsule.solid, Disc)
    assert faults(drawn.scene) == []


def test_down_is_down() -> None:
    x, _, _, y = DRAWN["diamond_down"].scene.nodes
    assert x.solid.center[1] < y.solid.center[1] and x.solid.center[0] == y.solid.center[0]


def test_the_test_s_own_reader_reads() -> None:
    drawn = picture("x -> a : 3")
    assert drawn.nodes == (Node("0", (Math("x"),)), Node("1", (Math("a"),)))
    assert drawn.edges == (Edge("0", "1", Math("3")),)
