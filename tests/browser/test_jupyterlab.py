"""A widget of ours would work in JupyterLab: its button is shown, and Python sees it pressed."""

import pytest

from .notebooks import Lab

expect = pytest.importorskip("playwright.sync_api", reason="playwright is missing; it comes with the extra dev").expect

COUNTER = '''
import anywidget
import traitlets

class Counter(anywidget.AnyWidget):
    """A button that counts how often it was pressed."""

    count = traitlets.Int(0).tag(sync=True)
    _esm = """
    function render({model, el}) {
        const button = document.createElement("button");
        button.className = "counter";
        const show = () => { button.textContent = `pressed ${model.get("count")} times`; };
        button.addEventListener("click", () => {
            model.set("count", model.get("count") + 1);
            model.save_changes();
        });
        model.on("change:count", show);
        show();
        el.append(button);
    }
    export default {render};
    """

counter = Counter()
counter
'''


def test_a_widget_is_shown_and_python_sees_what_is_done_with_it(lab: Lab) -> None:
    page = lab([COUNTER, 'print("seen", counter.count)', "counter.count = 7"], "button.counter")
    button = page.locator("button.counter")
    expect(button).to_have_text("pressed 7 times")
    expect(lab.output(page, 1)).to_have_text("seen 0")
    button.click()
    button.click()
    expect(button).to_have_text("pressed 9 times")
    expect(lab.run(page, 1)).to_have_text("seen 9")
