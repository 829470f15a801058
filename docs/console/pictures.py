"""The pictures of docs/console.md, cut and saved small from those of the browser tests. CONTRIBUTING.md has the commands."""

from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
SHOTS = HERE.parents[1] / ".local" / "console"
COLOURS = 64
# Picture -> (the shot, so many pixels of its height).
PICTURES = {
    "corpora": ("corpora-light", 830),
    "builds": ("builds-light", 620),
    "build": ("build-light", 900),
    "generations": ("generations-light", 540),
    "search": ("search-dark", 640),
    "dead-letters": ("dead-letters-light", 640),
    "costs": ("costs-light", 680),
    "cluster": ("cluster-light", 700),
    "janitor": ("janitor-light", 640),
}


def main() -> None:
    for name, (shot, height) in PICTURES.items():
        with Image.open(SHOTS / f"{shot}.png") as picture:
            cut = picture.convert("RGB").crop((0, 0, picture.width, min(height, picture.height)))
            cut.quantize(COLOURS).save(HERE / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
