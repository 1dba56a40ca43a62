"""Static files have plain names in a checkout and hashed names once collected."""

from pathlib import Path

from django.core.files.storage import FileSystemStorage

from slomo_site.staticfiles import StaticStorage


def test_names_are_hashed_once_collected_those_of_imported_modules_too(tmp_path: Path) -> None:
    (tmp_path / "page.js").write_text('import { play } from "./player.js";\n')
    (tmp_path / "player.js").write_text("export const play = 1;\n")

    plain = StaticStorage(location=tmp_path)
    assert plain.url("page.js") == "/static/page.js"

    paths = {name: (FileSystemStorage(tmp_path), name) for name in ("page.js", "player.js")}
    for _, _, processed in plain.post_process(paths):
        assert processed is True

    url = StaticStorage(location=tmp_path).url("page.js")
    assert url != "/static/page.js"
    page = tmp_path / Path(url).name
    assert '"./player.js"' not in page.read_text()
    assert '"./player.' in page.read_text()
