"""`python -m benchmarks.gpu speed`, played on a CPU with toys: the rows, the budget, the arithmetic; no timings."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.gpu import speed
from benchmarks.gpu.speed import command, contests, jobs, machine, many, r3gan, turns
from benchmarks.gpu.speed.jobs import COMPILED, PLAIN, SUBJECTS, TRIED, Here, Job, Row, reason, single, timed
from benchmarks.gpu.speed.tables import report
from benchmarks.gpu.speed.turns import Clock, OutOfTime, Player, in_turns, limited, prepared
from benchmarks.peer_parts import commit
from energan.bench.operations import Operation, Step
from energan.bench.roofline import Machine
from energan.utils.errors import UserError
from tests.benchmarks.test_peers_images import pytorch_gan

CPU = torch.device("cpu")
ROOF = Machine("cpu", 1, {"float32": 1e9, "bfloat16": 2e9}, ((1000, 1e6),))
CEILINGS = machine.Ceilings(ROOF, ROOF._replace(products={"float32": 4e9, "bfloat16": 2e9}), 4e9)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Toys need no warming up, leave little behind, and nobody reads their counts' times."""
    for module in (turns, command, jobs):
        monkeypatch.setattr(module, "free", lambda device: None)
    monkeypatch.setattr(turns, "WARM", 3)
    monkeypatch.setattr("energan.bench.timing.WARM", 0)
    monkeypatch.setattr("energan.bench.timing.COUNTED", 1)


def here(seconds: float = 60.0, device: torch.device = CPU) -> Here:
    return Here(device, CEILINGS, Clock(seconds), 0.0, {})


def rows(job: Job, where: Here | None = None) -> dict[str, Row]:
    told: dict[str, Row] = {}
    command.play(job, where or here(), lambda row: told.update({row["setting"]: row}))
    return told


# ---- what is compared ------------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize("key", SUBJECTS)
def test_each_subject_steps_the_same_weights_in_both_settings(key: str) -> None:
    found = rows(single(key, "fp32", PLAIN, 0.0, small=True))
    assert list(found) == ["eager", "graph"], found
    assert found["graph"]["apart"] == 0.0, "on a CPU a graph is the step itself"
    assert "no graph" in found["graph"]["note"]
    for row in found.values():
        low, middle, high = row["seconds"]
        assert 0 < low <= middle <= high
        assert row["images_per_second"] == row["batch"] / middle
        assert row["share"] == row["floor"] / middle > 0
        assert row["peak"] is None
        assert row["fused_floor"] <= row["floor"] * (1 + 1e-9)


@pytest.mark.usefixtures("trace_only")
def test_a_compiled_step_moves_the_weights_as_the_eager_one() -> None:
    found = rows(single("mlp", "fp32", COMPILED, 0.0, small=True))
    assert list(found) == list(COMPILED)
    assert all(row.get("apart", 1.0) < 0.1 for row in found.values()), found


def test_many_models_step_as_one_by_one() -> None:
    found = rows(many.many("ladder", 64, many.ladders, PLAIN, 0.0, small=True))
    assert len(found) == 4
    for row in found.values():
        assert row["apart"] < 0.1, "as one program and one by one, the models go the same way"
        assert (row["models"], row["stepped"]) == (2, 2)
        assert row["images_per_second"] == pytest.approx(row["batch"] / row["seconds"][1])


def test_times_are_of_one_model_however_many_are_stepped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "ALONE", 2)

    def steps(name: str, n: int, *_: Any) -> Player:
        stepped = min(n, 2) if name.startswith("one by one") else n
        return Player(lambda: time.sleep(2e-3 * stepped))

    monkeypatch.setattr(many, "_models_player", steps)
    models = lambda n, small, device: ([], [], 5)  # noqa: E731
    found = rows(many.many("eight", 256, models, PLAIN, 0.0, small=True))
    alone, together = found["one by one, eager"], found["as one program, eager"]
    assert (alone["models"], alone["stepped"], together["stepped"]) == (8, 2, 8)
    assert all(row["seconds"][0] >= 2e-3 for row in found.values()), "a model takes two milliseconds, or more"


def test_the_order_is_by_value_and_what_compiles_comes_last() -> None:
    labels = [job.label for job in command.comparisons("cpu", None)]
    kinds = [("compiled" in label, label.startswith("peers")) for label in labels]
    assert kinds == sorted(kinds, key=lambda kind: kind[0])
    assert labels[0].startswith("steps: the demo, bf16")
    assert len(set(labels)) == len(labels)
    for subject in SUBJECTS.values():
        assert sum(f"steps: {subject.what}, " in label for label in labels) >= 2


# ---- turns ----------------------------------------------------------------------------------------------------------
def test_sides_take_turns_in_both_orders_with_equal_steps() -> None:
    played: list[str] = []

    def side(name: str) -> Callable[[], None]:
        return lambda: (played.append(name), time.sleep(2e-3))[1]

    times = in_turns({"a": side("a"), "b": side("b")}, CPU, 0.0, Clock(60))
    assert {name: len(t) for name, t in times.items()} == {"a": 3, "b": 3}
    assert played.count("a") == played.count("b")
    order = [name for i, name in enumerate(played) if i == 0 or played[i - 1] != name]
    assert "".join(order) == "ababab", "a step each to find the block's length; then ab, ba, ab: neighbours merged"


def test_a_side_that_fails_leaves_the_others() -> None:
    def broken() -> Player:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 1 GiB")

    w = torch.zeros(2)
    makers = {"a": lambda: Player(lambda: w.add_(1), lambda: [w]), "b": broken, "c": lambda: Player(lambda: None)}
    found = {row["setting"]: row for row in timed({"table": "steps", "what": "it", "images": 3}, makers, here())}
    assert found["b"]["why"] == "OutOfMemoryError: CUDA out of memory."
    assert found["a"]["apart"] == 0.0
    assert found["c"]["apart"] is None
    assert found["c"]["compared_with"] == "a"
    assert found["a"]["times_as_fast"] == (1.0, 1.0, 1.0)


def test_where_the_first_fails_the_next_is_compared_with() -> None:
    makers = {"a": lambda: Player(lambda: torch.ones(2) @ torch.ones(3)), "b": lambda: Player(lambda: None)}
    found = {row["setting"]: row for row in timed({"images": 1}, makers, here())}
    assert found["a"]["why"].startswith("RuntimeError")
    assert found["b"]["compared_with"] == "b"


def test_cudnn_tries_in_the_block_alone() -> None:
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.allow_tf32
    with turns.cudnn_by_trial(tf32=False):
        assert (cudnn.benchmark, cudnn.allow_tf32) == (True, False)
    assert (cudnn.benchmark, cudnn.allow_tf32) == before
    seen: list[bool] = []
    one = type("One", (), {"step": lambda self: seen.append(cudnn.benchmark), "device": CPU, "turns": ("D",)})()
    jobs.played(one, TRIED).step()
    jobs.played(one, "graph").step()
    assert seen == [True, before[0]]


def test_weights_that_go_another_way_are_told() -> None:
    w, v = torch.zeros(2), torch.zeros(2)
    sides, failed = prepared(
        {"a": lambda: Player(lambda: w.add_(1), lambda: [w]), "b": lambda: Player(lambda: v.sub_(1), lambda: [v])}, CPU
    )
    assert not failed
    assert sides["b"].apart == pytest.approx(2.0)


def test_what_is_ready_when_the_time_is_over_is_kept() -> None:
    def endless() -> Player:
        while True:
            time.sleep(0.01)

    makers = {"a": lambda: Player(lambda: None), "b": endless, "c": lambda: Player(lambda: None)}
    with limited(0.4):
        sides, failed = prepared(makers, CPU)
    assert list(sides) == ["a"]
    assert {name: reason(error) for name, error in failed.items()} == dict.fromkeys("bc", "given up after 0 s")


# ---- the budget ------------------------------------------------------------------------------------------------------
def job(play: Callable[[Here], Iterator[Row]], needs: float = 0.0) -> Job:
    return Job("steps", "it", ("eager", "graph"), needs, play)


def done(where: Here) -> Iterator[Row]:
    for setting in ("eager", "graph"):
        yield {"setting": setting}


def test_what_the_budget_does_not_reach_is_said() -> None:
    on_gpu = here(2.0, torch.device("cuda"))
    found = rows(job(done, needs=5.0), on_gpu)
    assert {row["why"] for row in found.values()} == {
        "not reached: 2 s of the budget were left of the 5 that it is given"
    }
    assert all("why" in row for row in rows(job(done), here(0.0)).values())
    assert not any("why" in row for row in rows(job(done, needs=5.0), here(2.0)).values()), "toys need no time"


def test_a_job_is_given_up_and_its_rows_stay() -> None:
    def slow(where: Here) -> Iterator[Row]:
        yield {"setting": "eager"}
        time.sleep(30)

    found = rows(job(slow), here(0.3))
    assert "why" not in found["eager"]
    assert found["graph"]["why"].startswith("given up after")


def test_an_alarm_ends_with_its_block() -> None:
    with limited(0.05):
        pass
    time.sleep(0.1)
    with pytest.raises(OutOfTime), limited(0.05):
        time.sleep(5)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_job_that_fails_says_why_and_leaves_the_next() -> None:
    def fails(where: Here) -> Iterator[Row]:
        raise RuntimeError("no kernel\nfor this")
        yield

    assert {row["why"] for row in rows(job(fails)).values()} == {"RuntimeError: no kernel"}


def test_a_signal_prints_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(where: Here) -> Iterator[Row]:
        yield from timed({"table": "steps", "what": "it", "images": 1}, {"eager": lambda: Player(lambda: None)}, where)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr(command, "comparisons", lambda device, peers: [job(stopped), job(done)])
    path = tmp_path / "out.json"
    assert speed.main(["--device", "cpu", "--json", str(path)]) == 130
    assert "| it | eager |" in capsys.readouterr().out
    results = json.loads(path.read_text())
    assert results["stopped"] == "by a signal"
    assert [row["setting"] for row in results["rows"]] == ["eager"]


def test_a_gpu_that_answers_no_more_ends_the_run_with_what_is_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(where: Here) -> Iterator[Row]:
        raise RuntimeError("an illegal memory access")
        yield

    def lost(device: torch.device) -> None:
        raise RuntimeError("the context is lost")

    monkeypatch.setattr(command, "_recover", lost)
    monkeypatch.setattr(command, "comparisons", lambda device, peers: [job(fails), job(done)])
    assert speed.main(["--device", "cpu"]) == 1
    out = capsys.readouterr().out
    assert "- steps: it (eager; graph): RuntimeError: an illegal memory access" in out
    assert "Stopped before its end: RuntimeError: the context is lost" in out


# ---- the command -----------------------------------------------------------------------------------------------------
def test_the_command_prints_tables_and_writes_its_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "speed.json"
    asked = ["--device", "cpu", "--seconds", "20", "--only", "demo, bf16: eager, graph|^peers", "--json", str(path)]
    assert speed.main(asked) == 0
    out = capsys.readouterr().out
    results = json.loads(path.read_text())
    assert [row["setting"] for row in results["rows"] if "why" not in row] == [*PLAIN, TRIED]
    assert {"torch", "cpu", "commit"} <= results["machine"].keys()
    assert results["ceilings"]["operations_per_second"]["bfloat16 products"] > 0
    assert out.count("| the demo | bf16 | 4 |") == 3
    assert out.count("its checkout is not carried") == 3, "a line for each peer"
    assert [p.name for p in tmp_path.iterdir()] == ["speed.json"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--device", "cpu", "--only", "nothing like it"], "matches no comparison"),
        (["--device", "cpu", "--only", "("], "is not a regular expression"),
        (["--device", "cpu", "--seconds", "0"], "must be above 0"),
        (["--device", "cpu", "--seconds", "nan"], "must be above 0"),
        (["--device", "cpu", "--json", "/proc/speed.json"], "cannot write /proc/speed.json"),
        (["--device", "cpu", "--peers", "nowhere"], "is not a folder"),
        (["--device", "tpu"], "not a device"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert speed.main(arguments) == 2
    assert sentence in capsys.readouterr().err


def test_the_tables_have_what_was_measured_and_what_was_not() -> None:
    row = {
        "table": "ensembles", "what": "ladder", "models": 256, "stepped": 16, "precision": "fp32", "batch": 100,
        "setting": "one by one, eager", "seconds": [1e-3, 2e-3, 4e-3], "times_as_fast": [1, 1, 1], "made": 0.5,
        "images_per_second": 50000.0, "peak": 3 << 20, "apart": 0.2, "note": "",
    }  # fmt: skip
    missing = [{"table": "steps", "what": "it", "precision": "bf16", "setting": s, "why": "why not"} for s in "ab"]
    here = {"cpu": "a processor", "gpu": "a GPU", "torch": "2", "python": "3", "cores": 1, "threads": 1}
    facts = {**here, "device": "cuda", "commit": "abc", "nvidia_smi": {"driver_version": "580"}}
    text = report({"machine": facts, "rows": [row, *missing], "stopped": ""})
    assert "| ladder | 256 (16 stepped) | fp32 | 100 | one by one, eager | 2 (1 to 4) | 1 (1 to 1) | 50,000 |" in text
    assert "| 3 |" in text
    assert "20% of the way apart" in text
    assert "- steps: it, bf16 (a; b): why not" in text
    assert "driver_version 580" in text
    assert "floor" not in text, "no row has one"


# ---- the machine -----------------------------------------------------------------------------------------------------
def test_convolutions_have_a_ceiling_of_their_own() -> None:
    product = Operation("mm", "products", "D", 8 * 10**9, 0, "float32", 0.0)
    convolution = product._replace(name="convolution_backward")
    step = Step([product, convolution], {"D": 1000})
    assert CEILINGS.floor(step) == pytest.approx(8 + 2)
    assert CEILINGS.fused_floor(step) == pytest.approx(8 + 2)
    plain = Step([product._replace(flops=0, moved=10**6)], {})
    assert (CEILINGS.floor(plain), CEILINGS.fused_floor(plain)) == (1.0, 0.0)
    assert CEILINGS.described()["operations_per_second"]["float32 convolutions"] == 4e9


def test_nvidia_smi_is_read_where_it_is() -> None:
    class Told:
        stdout = "A GPU, 580.1, P0, 345 MHz, 1980 MHz, 2619 MHz, 700.00 W, 30\n"

    assert machine.nvidia_smi(lambda *_, **__: Told())["clocks.sm"] == "345 MHz"

    def absent(*_: Any, **__: Any) -> None:
        raise FileNotFoundError

    assert machine.nvidia_smi(absent) == {}


# ---- peers -----------------------------------------------------------------------------------------------------------
MINIATURE = {  # of R3GAN's checkout: its files and names, with networks and a loop written here
    "dnnlib/__init__.py": "class EasyDict(dict):\n    __getattr__ = dict.__getitem__\n",
    "torch_utils/__init__.py": "",
    "torch_utils/misc.py": "import torch\nfrom pkg_resources import parse_version\n",
    "torch_utils/ops/__init__.py": "",
    "torch_utils/ops/bias_act.py": "def _init():\n    raise RuntimeError('nvcc')\n",
    "torch_utils/ops/upfirdn2d.py": "def _init():\n    raise RuntimeError('nvcc')\n",
    "training/__init__.py": "",
    "training/networks.py": """
from torch import nn
from torch_utils.ops import bias_act, upfirdn2d

assert not bias_act._init() and not upfirdn2d._init()


class Generator(nn.Module):
    def __init__(self, NoiseDimension, WidthPerStage, FP16Stages, img_resolution, **kw):
        super().__init__()
        self.z_dim, self.net = NoiseDimension, nn.Linear(NoiseDimension, 3 * img_resolution**2)
        nn.init.normal_(self.net.weight, std=0.02)

    def forward(self, x, c):
        return self.net(x).view(len(x), 3, 64, 64)


class Discriminator(nn.Module):
    def __init__(self, WidthPerStage, FP16Stages, **kw):
        super().__init__()
        self.conv, self.line = nn.Conv2d(3, 2, 8, 8), nn.Linear(128, 1)

    def forward(self, x, c):
        return self.line(self.conv(x).square().flatten(1)).view(len(x))
""",
    "training/loss.py": """
import torch
from torch.nn.functional import softplus


class R3GANLoss:
    def __init__(self, G, D, augment_pipe):
        self.G, self.D = G, D

    def accumulate_gradients(self, phase, real_img, real_c, gen_z, gamma, gain):
        if phase == "G":
            (softplus(self.D(real_img, None) - self.D(self.G(gen_z, None), None)).mean() * gain).backward()
            return
        real, fake = (x.detach().requires_grad_() for x in (real_img, self.G(gen_z, None)))
        a, b = self.D(real, None), self.D(fake, None)
        r1, r2 = (torch.autograd.grad(y.sum(), x, create_graph=True)[0] for y, x in ((a, real), (b, fake)))
        penalty = (r1.square().sum([1, 2, 3]) + r2.square().sum([1, 2, 3])).mean()
        (gain * (softplus(b - a).mean() + gamma / 2 * penalty)).backward()
""",
    "training/training_loop.py": """
import no_such_module  # nothing of this file is run but the schedule and the loop's body


def cosine_decay_with_warmup(cur_nimg, base_value, total_nimg, final_value=0.0):
    return float(np.where(cur_nimg > total_nimg, final_value, base_value))


def training_loop():
    while True:
        fetched = [next(training_set_iterator)[0].to(torch.float32) / 127.5 - 1 for _ in phases]
        gamma, beta2 = (cosine_decay_with_warmup(cur_nimg, **s) for s in (gamma_scheduler, beta2_scheduler))
        for phase, x in zip(phases, fetched):
            phase.opt.zero_grad(set_to_none=True)
            phase.module.requires_grad_(True)
            z = torch.randn([batch_size, G.z_dim], device=device)
            loss.accumulate_gradients(phase.name, x, None, z, gamma, num_gpus * phase.batch_gpu / batch_size)
            phase.module.requires_grad_(False)
            for g in phase.opt.param_groups:
                g["lr"], g["betas"] = cosine_decay_with_warmup(cur_nimg, **lr_scheduler), (0, beta2)
            phase.opt.step()
        cur_nimg += batch_size
        done = cur_nimg >= 1000
        raise SystemExit
""",
}


def authors(folder: Path, **changed: str) -> Path:
    for name, text in {**MINIATURE, **changed}.items():
        path = folder / "R3GAN" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "R3GAN"


def test_peers_are_timed_by_their_own_steps(tmp_path: Path) -> None:
    pytorch_gan(tmp_path)
    authors(tmp_path)
    every = {job.what: job for job in contests.contests(tmp_path, "cpu")}
    found = rows(every["PyTorch-GAN's DCGAN"])
    assert [*found] == [*contests.SIDES], found
    assert not any("why" in row for row in found.values()), found
    found = rows(every["R3GAN"])
    assert [*found] == [
        "the authors' step, their operators for other devices",
        "Energan's r3gan",
        "Energan's r3gan, graph",
    ]
    assert not any("why" in row for row in found.values()), found
    assert {row["why"] for row in rows(every["torchgan's DCGAN"]).values()} == {
        "UserError: its checkout is not carried: --peers FOLDER has it by its name"
    }


def test_our_r3gan_descends_the_authors_gradients(tmp_path: Path) -> None:
    d = 2 * 3 * 64 + 2 + 128 + 1
    assert r3gan.agreement(authors(tmp_path / "same")) == (d, 65 * 3 * 64**2)
    loss = MINIATURE["training/loss.py"]
    for i, (theirs, other) in enumerate(
        [("gamma / 2", "gamma"), ("softplus(b - a)", "softplus(b)"), ("gain * (", "2 * (")]
    ):
        assert theirs in loss
        with pytest.raises(AssertionError):
            r3gan.agreement(authors(tmp_path / str(i), **{"training/loss.py": loss.replace(theirs, other)}))


def test_another_version_of_the_authors_loop_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="another version"):
        r3gan.load(authors(tmp_path, **{"training/training_loop.py": "x = 1"}), 2, "cpu", plugins=False)


def test_a_checkout_without_its_history_says_its_commit(tmp_path: Path) -> None:
    assert commit(tmp_path) == "(no git history)"
    (tmp_path / "COMMIT").write_text("19a7ddf\n")
    assert commit(tmp_path) == "19a7ddf"
    inside = Path(__file__).parent
    assert commit(inside) == "(no git history)", "not that of the repository around it"


def test_nothing_of_the_authors_stays_imported(tmp_path: Path) -> None:
    import sys

    before = set(sys.modules)
    r3gan.load(authors(tmp_path), 2, "cpu", plugins=False, small=True)
    left = {name for name in set(sys.modules) - before if name.split(".")[0] in r3gan.ROOTS}
    assert not left


def test_the_clock_runs_out_and_distances_are_numbers() -> None:
    assert Clock(-1).left() < 0 < Clock(5).left() <= 5
    assert turns.apart([torch.ones(2)], [], []) is None
    one, two = [torch.ones(2)], [torch.full((2,), 2.0)]
    assert turns.apart([torch.full((2,), 3.0)], one, two) == pytest.approx(1.0)
    assert turns.apart([torch.full((2,), torch.nan)], one, two) == turns.FAR, "JSON has no NaN"
