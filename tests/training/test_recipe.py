import tomllib
from pathlib import Path

import pytest

from placeproof.errors import RecipeError
from placeproof.training.recipe import read_recipe

RECIPES = Path(__file__).parents[2] / "recipes"
PAPER = RECIPES / "paper.toml"
# Ablations that change one thing: of which recipe, and which settings that takes.
ONE_CHANGE = {
    "buildings": ("default", {"data buildings"}),
    "disordered": ("default", {"decision negatives"}),
    "linear": ("default", {"hidden"}),
    "planar": ("default", {"data cut"}),
    "square": ("default", {"data query_sizes", "data square", "operation photo_side"}),
    "no-background": ("ablations/whitening", {"background"}),
    "no-empty-masks": ("ablations/whitening", {"masks batch", "masks empty_masks"}),
    "one-stride": ("ablations/whitening", {"extractor"}),
    "sgd": ("ablations/whitening", {"masks optimiser"}),
    "slow-decision": ("ablations/whitening", {"decision learning_rate"}),
}


def test_the_papers_recipe_is_the_papers() -> None:
    recipe = read_recipe(PAPER)
    assert recipe.extractor == "resnet50"
    assert recipe.projection is None
    assert recipe.data.query_sizes == (192, 224, 256)
    assert recipe.data.square
    assert recipe.data.cut == "planar"
    masks, decision, everything = recipe.phase
    assert (masks.data, masks.loss, masks.optimiser) == ("synthetic", "mask", "sgd")
    assert (masks.learning_rate, masks.batch, masks.empty_masks) == (1e-2, 16, 0)
    assert "extractor" not in masks.train
    assert (decision.data, decision.loss, decision.optimiser) == ("pairs", "decision", "adam")
    assert (decision.learning_rate, decision.batch) == (1e-3, 64)
    assert decision.train == ("verification",)
    assert (everything.data, everything.loss, everything.optimiser) == ("pairs", "decision", "adam")
    assert everything.learning_rate == 1e-5
    assert set(everything.train) == {"extractor", "detector", "verification"}
    assert decision.negatives == everything.negatives == ("disordered",)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("seed = 0", "sed = 0", "'sed' is no known key"),
        ("seed = 0", "", "'seed' is missing"),
        ("seed = 0", "seed = 0.0", "'seed' is 0.0, not a whole number"),
        ("seed = 0", "seed = true", "'seed' is True"),
        ("seed = 0", "seed = -1", "'seed' is not from 0"),
        ('name = "paper"', 'name = " "', "'name' is empty"),
        ("square = true", "square = 1", "[data] 'square' is 1"),
        ("square = true", "", "[data] 'square' is missing"),
        ('cut = "planar"', 'cut = "round"', "[data] 'cut' has 'round'"),
        ('cut = "planar"', "cut = []", "[data] 'cut' has []"),
        ("[192, 224, 256]", "[]", "[data] 'query_sizes' is empty"),
        ("[192, 224, 256]", "224", "[data] 'query_sizes' is not a list"),
        ("[192, 224, 256]", "[192, '224']", "[data] 'query_sizes' is '224'"),
        ("pool = 0", "pool = -1", "[data] 'pool' is negative"),
        ("false_rate = 0.02", "false_rate = 1", "[operation] 'false_rate'"),
        ("[operation]", "[operations]", "'operations' is no known key"),
        ("batch = 16", "batch = 0", "phase 'masks': 'batch' is below 1"),
        ("batch = 64", "batch = 63", "phase 'decision': 'batch' is not even"),
        (
            'loss = "mask"',
            'loss = "masks"',
            "phase 'masks': 'loss' is none of",
        ),
        ('optimiser = "sgd"', 'optimiser = "lion"', "phase 'masks': 'optimiser' has 'lion'"),
        ("learning_rate = 1e-2", "learning_rate = 0", "phase 'masks': 'learning_rate'"),
        ("learning_rate = 1e-2", "learning_rate = nan", "phase 'masks': 'learning_rate'"),
        ('train = ["detector"]', "train = []", "phase 'masks': 'train' is empty"),
        ('train = ["detector"]', 'train = ["head"]', "phase 'masks': 'train' has 'head'"),
        ('train = ["detector"]', 'train = ["verification"]', "'mask' does not reach"),
        ('train = ["detector"]', 'train = ["projection"]', "a projection that there is not"),
        ("epochs = 100", "epochs = 0", "phase 'all': 'epochs' is below 1"),
        ("patience = 10", "patience = 0", "phase 'masks': 'patience' is below 1"),
        ("patience = 10", "measure_every = 0", "phase 'masks': 'measure_every' is below 1"),
        (
            "patience = 10",
            "measure_every = 4\npatience = 6",
            "phase 'masks': 'patience' is no mult",
        ),
        ('loss = "decision"', 'loss = "correspondence"', "phase 'decision': 'train' has 'verif"),
        ('negatives = ["disordered"]', "", "phase 'decision': 'negatives' is missing"),
        ('data = "synthetic"', 'data = "pairs"', "phase 'masks': 'negatives' is missing"),
        ('name = "decision"', 'name = "masks"', "'phase' has one name twice"),
        ("[[phase]]", "[phases]", "'phases' is no known key"),
        ('name = "paper"', "name = ", "is no TOML"),
    ],
)
def test_an_error_names_the_key(old: str, new: str, named: str, tmp_path: Path) -> None:
    text = PAPER.read_text()
    assert old in text
    path = tmp_path / "recipe.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert named in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_real_pairs_have_no_correspondences(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    text = PAPER.read_text().replace('train = ["verification"]', 'train = ["extractor"]')
    path.write_text(text.replace('loss = "decision"', 'loss = "correspondence"', 1))
    with pytest.raises(RecipeError, match="phase 'decision': 'loss' is \"correspondence\""):
        read_recipe(path)


def test_a_recipe_without_phases_or_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    head = PAPER.read_text().split("[[phase]]")[0]
    for phases, named in (("", "'phase' is missing"), ("phase = []\n", "'phase' is empty")):
        path.write_text(phases + head)
        with pytest.raises(RecipeError, match=named):
            read_recipe(path)
    path.write_text("phase = [3]\n" + head)
    with pytest.raises(RecipeError, match="'phase' is not a table"):
        read_recipe(path)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_what_cannot_be_read(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecipeError, match=r"recipe\.toml"):
        read_recipe(path)


def test_recipes_are_told_apart_by_what_they_say(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("# another comment\n" + PAPER.read_text())
    assert read_recipe(path).sha256 == read_recipe(PAPER).sha256
    path.write_text(PAPER.read_text().replace("epochs = 100", "epochs = 101"))
    assert read_recipe(path).sha256 != read_recipe(PAPER).sha256
    assert tomllib.loads(PAPER.read_text())["name"] == read_recipe(path).name


@pytest.mark.parametrize("path", sorted(RECIPES.rglob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_is_one(path: Path) -> None:
    recipe = read_recipe(path)
    assert recipe.name == {"default": "placeproof-lite2"}.get(path.stem, path.stem)


@pytest.mark.parametrize("name", ONE_CHANGE)
def test_an_ablation_changes_one_thing(name: str) -> None:
    base, changed = ONE_CHANGE[name]
    settings, others = (_settings(RECIPES / f"{file}.toml") for file in (f"ablations/{name}", base))
    different = {key for key in settings | others if settings.get(key) != others.get(key)}
    assert different == changed | {"name"}


def _settings(path: Path) -> dict[str, object]:
    """All that a recipe says, by the names of phase or table, and key."""
    recipe = tomllib.loads(path.read_text())
    phases = {phase["name"]: phase for phase in recipe.pop("phase")}
    tables = {key: recipe.pop(key) for key in ("data", "operation")} | phases
    return recipe | {
        f"{table} {key}": value for table, keys in tables.items() for key, value in keys.items()
    }
