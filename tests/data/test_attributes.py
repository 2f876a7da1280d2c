"""Attributes of images: the published tables in their formats, a user's own, what is damaged, and the bandwidth."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from energan.data import load
from energan.data.attributes import BANDWIDTHS, attribute_names, kernel_bandwidth, with_attributes
from energan.data.image_set import ImageSet
from energan.utils.errors import UserError


def pictures(folder: Path, *names: str) -> Path:
    random = np.random.default_rng(0)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / name)
    return folder


def read(folder: Path, *names: str) -> ImageSet:
    return with_attributes(load(folder, progress=False), folder, names)


LFW = (
    "# lfw_attributes.txt\n"
    "#\tperson\timagenum\tMale\tAsian\tMouth Wide Open\n"
    "Aaron Eckhart\t1\t1.568346\t-1.889043\t-0.25\n"
    "Aaron Guiel\t12\t0.169851\t-0.982408\t2\n"
    "Nobody Here\t1\t1\t1\t1\n"
)


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\t\n"])
def test_lfwcrop_is_read_as_published(tmp_path: Path, beside: bool, end: str, capsys: pytest.CaptureFixture[str]):
    folder = tmp_path / "lfwcrop_color"
    pictures(folder, *(f"faces/{stem}.ppm" for stem in ("Aaron_Eckhart_0001", "Aaron_Guiel_0012", "Zara_Unknown_0001")))
    (tmp_path if beside else folder).joinpath("lfw_attributes.txt").write_bytes(LFW.replace("\n", end).encode())
    data = read(folder)
    assert data.attribute_names == ("Male", "Asian", "Mouth Wide Open")
    torch.testing.assert_close(data.attributes, torch.tensor([[1.568346, -1.889043, -0.25], [0.169851, -0.982408, 2]]))
    assert [Path(name).stem for name in data.files] == ["Aaron_Eckhart_0001", "Aaron_Guiel_0012"]
    assert torch.equal(data.images, load(folder, progress=False).images[:2])
    assert "1 of the 3 images" in capsys.readouterr().err
    assert attribute_names(folder) == data.attribute_names


def test_attributes_are_chosen_by_name_in_any_spelling_and_in_their_order(tmp_path: Path):
    pictures(tmp_path, "Aaron_Eckhart_0001.png", "Aaron_Guiel_0012.png").joinpath("lfw_attributes.txt").write_text(LFW)
    data = read(tmp_path, "MOUTHWIDEOPEN", "Male")
    assert data.attribute_names == ("Mouth Wide Open", "Male") and data.attributes[1].tolist()[0] == 2
    for names, message in ((("Mouth",), "did you mean"), (("Male", "Male"), "named twice"), (("Zzz",), "it has Male")):
        with pytest.raises(UserError, match=message):
            read(tmp_path, *names)


def test_all_forty_of_celeba_or_how_many_there_are(tmp_path: Path):
    pictures(tmp_path, *(f"img_align_celeba/00000{i}.jpg" for i in (1, 2)))
    table = "2\nSmiling Young\n000001.jpg  1 -1\n000002.jpg -1 -1\n"
    (tmp_path / "list_attr_celeba.txt").write_text(table)
    data = read(tmp_path)
    assert data.attribute_names == ("Smiling", "Young") and data.attributes.tolist() == [[1, -1], [-1, -1]]


@pytest.mark.parametrize("mark", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_of_ones_own(tmp_path: Path, mark: str, delimiter: str):
    pictures(tmp_path, "a/1.png", "a/2.png", "3.png")
    lines = ["file,age,=1+1,<b>", "3.png,70,0,1.5", "a/1.png,-2e-3,1,0", "", "a/2.png, 5 ,1,1"]
    (tmp_path / "attributes.csv").write_bytes("\r\n".join(lines).replace(",", delimiter).encode(mark))
    data = read(tmp_path)
    assert data.attribute_names == ("age", "=1+1", "<b>")
    by_file = dict(zip(data.files, data.attributes.tolist(), strict=True))
    assert by_file["3.png"] == [70, 0, 1.5] and by_file["a/2.png"] == [5, 1, 1]
    assert by_file["a/1.png"] == pytest.approx([-0.002, 1, 0])


def test_other_attributes_are_another_set_and_the_same_in_other_words_are_not(tmp_path: Path):
    pictures(tmp_path, "1.png", "2.png")
    table = tmp_path / "attributes.csv"
    table.write_text("file,a\n1.png,1\n2.png,2\n")
    first = read(tmp_path).sha256
    table.write_text("file,a\n2.png,2.0\n1.png,1\n")
    assert read(tmp_path).sha256 == first
    table.write_text("file,a\n1.png,1\n2.png,3\n")
    assert read(tmp_path).sha256 != first
    table.write_text("file,b\n1.png,1\n2.png,2\n")
    assert read(tmp_path).sha256 != first


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("attributes.csv", "", "no column 'file'"),
        ("attributes.csv", "name,a\n1.png,1\n", "no column 'file'"),
        ("attributes.csv", "file\n1.png\n", "has 0 attributes"),
        ("attributes.csv", "file," + ",".join(map(str, range(1001))), "has 1001 attributes"),
        ("attributes.csv", "file,a,\n1.png,1,2\n", "a column without a name"),
        ("attributes.csv", "file,a,a\n1.png,1,2\n", "two columns called 'a'"),
        ("attributes.csv", "file,a\n1.png\n", "line 2 has 1 columns"),
        ("attributes.csv", "file,a\n1.png,tall\n", "has tall as 'a' in line 2"),
        ("attributes.csv", "file,a\n1.png,\n", "has nothing as 'a'"),
        ("attributes.csv", "file,a\n1.png,nan\n", "has nan as 'a'"),
        ("attributes.csv", "file,a\n1.png,1e31\n", "has 1e31 as 'a'"),
        ("attributes.csv", "file,a\n1.png,1\n1.png,2\n", "two rows of attributes"),
        ("attributes.csv", "file,a\n7.png,1\n", "names 7.png, which is no image"),
        ("attributes.csv", "file,a\n../1.png,1\n", "is not in"),
        ("attributes.csv", 'file,a\n"1.png', "has 1 columns"),
        ("lfw_attributes.txt", "A B\t1\t2\n", "does not name its columns"),
        ("lfw_attributes.txt", "#\tperson\timagenum\tMale\nA B\t1\n", "line 2 has not a person"),
        ("lfw_attributes.txt", "#\tperson\timagenum\tMale\nA B\tx\t1\n", "line 2 has not a person"),
        ("lfw_attributes.txt", "#\tperson\timagenum\tMale\nA B\t1\thigh\n", "has high as 'Male'"),
        ("lfw_attributes.txt", "#\tperson\timagenum\tMale\nA B\t1\t1\nA B\t1\t2\n", "two rows"),
        ("lfw_attributes.txt", "#\tperson\timagenum\tMale\nA B\t1\t1\n", "knows no image"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path, name: str, content: str, message: str):
    pictures(tmp_path, "1.png", "2.png").joinpath(name).write_text(content)
    with pytest.raises(UserError, match=message) as refused:
        read(tmp_path)
    assert "\n" not in str(refused.value)


def test_no_table_and_two_tables_are_refused(tmp_path: Path):
    pictures(tmp_path, "1.png")
    with pytest.raises(UserError, match=r"has no attributes: put attributes\.csv"):
        read(tmp_path)
    for name in ("attributes.csv", "lfw_attributes.txt"):
        (tmp_path / name).write_text("file,a\n1.png,1\n")
    with pytest.raises(UserError, match="both have attributes"):
        read(tmp_path)
    (tmp_path / "lfw_attributes.txt").unlink()
    (tmp_path / "attributes.csv").write_bytes(b"file,a\n\xff\xfe\xfa,1\n")
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path)


def test_the_bandwidth_is_the_likeliest_of_held_out_rows():
    g = torch.Generator().manual_seed(0)
    rows = torch.randn(300, 2, generator=g)
    spread = kernel_bandwidth(rows)
    assert spread == kernel_bandwidth(rows * torch.tensor([1000.0, 0.001]) + 5)  # in standard deviations
    assert 0.2 < spread < 0.7
    assert (
        kernel_bandwidth(torch.randint(2, (300, 2), generator=g).float()) == BANDWIDTHS[0]
    )  # rows that are there twice
    assert kernel_bandwidth(torch.ones(9, 2)) == 0
    with pytest.raises(UserError, match="at least 5 images, got 4"):
        kernel_bandwidth(rows[:4])
