"""What an exploration leaves in its run's folder."""

from pnas_apps.exploring.exploration import Exploration
from pnas_apps.exploring.judges import value_name
from pnas_apps.exploring.outcome import Explored
from pnas_apps.exploring.page import SHOWN, exploration_page
from pnas_apps.exploring.pictures import draw_exploration
from pnas_apps.ground.console import page_text
from pnas_apps.run.folder import SEARCHED
from pnas_ops import save_figure


def leave(exploration: Exploration, explored: Explored) -> None:
    """Prints what was found, and writes it.

    The best net is `architecture.json`; it and the next ones, and those of the front, are `nets/net-NUMBER.json`; all
    values are `explored.json`, the page `explored.txt`, the picture `explored.png`.
    """
    run, values = exploration.run, value_name(exploration.settings.judge, explored.images)
    folder, files, space = run.folder, run.folder.files, run.task.space
    page = exploration_page(explored, value_name=values, limits=exploration.limits)
    run.reporter.console.print(page)
    files.write(folder.path / "explored.txt", page_text(page))
    with files.writing(folder.path / "explored.png") as staged:
        save_figure(draw_exploration(explored, value_name=values), staged)
    (folder.path / "nets").mkdir(exist_ok=True)
    shown = {net.number: net for net in (*explored.ranked[:SHOWN], *(explored.front if explored.aims else ()))}
    for number, net in shown.items():
        name = f"net-{number}"
        files.save(space.architecture(net.choices, name=name), folder.path / "nets" / f"{name}.json")
    files.save(space.architecture(explored.best.choices, name=SEARCHED), folder.architecture)
    files.save(explored, folder.explored)
