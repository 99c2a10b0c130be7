"""Finding walks and their labels: class folders, labels.csv, subjects.csv, and how names match."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gait.errors import LabelError
from gait.label_names import NameIndex
from gait.labels import find_samples, order_classes


def make(folder: Path, *names: str) -> Path:
    """Files that are never opened: labels are found by name alone."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    folder.mkdir(exist_ok=True)
    return folder


def write(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def labels_of(collection) -> dict[str, str | None]:
    return {sample.name: sample.label for sample in collection.samples}


def noted(collection, *words: str) -> bool:
    """Whether one single note holds all the words."""
    return any(all(word in note for word in words) for note in collection.notes)


# Where labels come from


def test_class_folders_give_labels_in_lower_case_sorted_by_name(tmp_path):
    make(tmp_path, "Sad/x/deep/b.MOV", "happy/a.mp4", "Happy /c.avi")
    found = find_samples(tmp_path)
    assert [s.name for s in found.samples] == ["Happy /c.avi", "Sad/x/deep/b.MOV", "happy/a.mp4"]
    assert [s.label for s in found.samples] == ["happy", "sad", "happy"]
    assert found.classes == ("happy", "sad")
    assert found.source == "class folders"
    assert found.notes == ()
    assert found.samples[0].path == tmp_path / "Happy " / "c.avi"


def test_files_beside_class_folders_are_unlabelled_and_named(tmp_path):
    found = find_samples(make(tmp_path, "happy/a.mp4", "loose.mp4"))
    assert labels_of(found) == {"happy/a.mp4": "happy", "loose.mp4": None}
    assert noted(found, "without a label (1)", "loose.mp4")


def test_many_unlabelled_are_all_named(tmp_path):
    found = find_samples(make(tmp_path, *[f"v{i:02}.mp4" for i in range(13)]))
    assert found.classes == ()
    assert noted(found, "without a label (13)", "v00.mp4", "v09.mp4", "v12.mp4")


def test_empty_folder_is_an_empty_collection(tmp_path):
    found = find_samples(tmp_path)
    assert (found.samples, found.classes, found.notes) == ((), (), ())


@pytest.mark.parametrize(("name", "word"), [("nowhere", "does not exist"), ("a.mp4", "is a file")])
def test_folder_that_is_none_is_refused(tmp_path, name, word):
    make(tmp_path, "a.mp4")
    with pytest.raises(LabelError, match=word):
        find_samples(tmp_path / name)


def test_hidden_and_foreign_files_are_left_alone_and_unread_videos_named(tmp_path):
    make(
        tmp_path, "joy/.a.mp4", ".cache/b.mp4", "joy/c.joints.npz", "joy/README.md", "joy/d.mp4", "joy/e.wmv"
    )
    found = find_samples(tmp_path)
    assert labels_of(found) == {"joy/d.mp4": "joy"}
    assert found.notes == ("videos of a kind that is not read (1): joy/e.wmv",)


def test_other_extensions_can_be_looked_for(tmp_path):
    make(tmp_path, "a.NPZ", "b.mp4")
    write(tmp_path / "labels.csv", "video,label", "a.mp4,happy")
    found = find_samples(tmp_path, extensions=(".npz",))
    assert labels_of(found) == {"a.NPZ": "happy"}


def test_links_are_followed_but_not_in_circles(tmp_path):
    real = make(tmp_path / "elsewhere", "joy/a.mp4")
    videos = make(tmp_path / "videos", "sad/b.mp4")
    (videos / "joy").symlink_to(real / "joy")
    (videos / "sad" / "c.mp4").symlink_to(real / "joy" / "a.mp4")
    (videos / "sad" / "back").symlink_to(videos)
    (videos / "sad" / "dead.mp4").symlink_to(tmp_path / "gone.mp4")
    assert labels_of(find_samples(videos)) == {
        "joy/a.mp4": "joy",
        "sad/b.mp4": "sad",
        "sad/c.mp4": "sad",
        "sad/dead.mp4": "sad",
    }


def test_sub_folder_that_cannot_be_read_is_named_and_the_rest_goes_on(tmp_path, monkeypatch):
    make(tmp_path, "joy/a.mp4", "sad/b.mp4")
    real = Path.iterdir

    def refuse(self):
        if self.name == "sad":
            raise PermissionError(13, "Permission denied")
        return real(self)

    monkeypatch.setattr(Path, "iterdir", refuse)
    found = find_samples(tmp_path)
    assert labels_of(found) == {"joy/a.mp4": "joy"}
    assert noted(found, "cannot be read (Permission denied)", "sad")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names that are no text")
def test_name_that_is_no_text_can_be_printed(tmp_path):
    (tmp_path / "caf\udce9.mp4").write_bytes(b"x")
    (sample,) = find_samples(tmp_path).samples
    assert sample.name == "caf\\xe9.mp4"
    assert sample.path.read_bytes() == b"x"


def test_labels_csv_in_the_folder_wins_over_class_folders(tmp_path):
    make(tmp_path, "wrong/a.mp4")
    write(tmp_path / "Labels.CSV", "video,label", "a,right")
    found = find_samples(tmp_path)
    assert labels_of(found) == {"wrong/a.mp4": "right"}
    assert found.source == "Labels.CSV"


def test_other_tables_in_the_folder_are_noted_and_not_used(tmp_path):
    make(tmp_path, "joy/a.mp4", "broken.xlsx")
    write(tmp_path / "measurements.csv", "name,height", "a,180")
    found = find_samples(tmp_path)
    assert found.source == "class folders"
    assert noted(found, "measurements.csv", "--labels")
    assert noted(found, "broken.xlsx")


# labels.csv


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_labels_csv_with_every_column(tmp_path, separator, encoding):
    make(tmp_path, "été/a.mp4", "b.mp4")
    rows = [
        [" Video", "LABEL ", "Subject", "Split", "Valence", "Arousal"],
        ["été\\A", " Happy ", "P 1", "Train", "-1", "1.0"],
        ["b.mp4", "sad", "", "", "", ""],
    ]
    write(tmp_path / "labels.csv", *[separator.join(row) for row in rows], encoding=encoding)
    b, a = find_samples(tmp_path).samples
    assert (a.label, a.subject, a.split, a.valence, a.arousal) == ("happy", "P 1", "train", -1.0, 1.0)
    assert (b.label, b.subject, b.split, b.valence, b.arousal) == ("sad", None, None, None, None)


def test_quoted_cells_and_decimal_commas(tmp_path):
    make(tmp_path, "a, b.mp4", "c;d.mp4")
    write(tmp_path / "labels.csv", "video,label,valence", '"a, b.mp4","joy","0,5"', '"c;d.mp4",sad,-0.25')
    found = find_samples(tmp_path)
    assert [(s.label, s.valence) for s in found.samples] == [("joy", 0.5), ("sad", -0.25)]


def test_labels_may_lie_in_a_spreadsheet_of_any_name(tmp_path):
    from openpyxl import Workbook

    videos = make(tmp_path / "videos", "7.mp4", "8.mp4")
    book = Workbook()
    for row in [("video", "label", "subject"), (7, "Joy", 1.0), (8, "sad", 2.0)]:
        book.active.append(row)
    book.create_sheet("More").append(["something"])
    book.save(tmp_path / "mine.dat")
    found = find_samples(videos, tmp_path / "mine.dat")
    assert [(s.label, s.subject) for s in found.samples] == [("joy", "1"), ("sad", "2")]
    assert noted(found, "only the sheet Sheet is read", "More")


def test_what_does_not_fit_together_is_named(tmp_path):
    make(tmp_path, "a.mp4", "b.mp4", "c.mp4")
    lines = ["video,label,colour,mood", "a,joy,red,", "ghost.mp4,sad,,", "", "b,,,", "A.mp4,joy,,"]
    found = find_samples(tmp_path, write(tmp_path / "any.csv", *lines))
    assert labels_of(found) == {"a.mp4": "joy", "b.mp4": None, "c.mp4": None}
    assert found.classes == ("joy",), "a label without a video makes no class"
    assert noted(found, "unknown columns", "colour, mood")
    assert noted(found, "labels without a video (1)", "ghost.mp4")
    assert noted(found, "empty label (1)", "b (row 5)")
    assert noted(found, "duplicate entries", "a.mp4 (row 2 and row 6)")
    assert noted(found, "videos without a label (2)", "b.mp4, c.mp4")


def test_a_duplicate_may_complete_but_not_contradict(tmp_path):
    make(tmp_path, "a.mp4")
    path = write(tmp_path / "l.csv", "video,label,subject", "a,joy,", "a.mp4,,S1")
    (sample,) = find_samples(tmp_path, path).samples
    assert (sample.label, sample.subject) == ("joy", "S1")
    write(path, "video,label", "a,joy", "a.mp4,sad")
    with pytest.raises(LabelError, match=r"a\.mp4 contradict.*joy \(row 2\), sad \(row 3\)"):
        find_samples(tmp_path, path)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["video,emotion", "a,joy"], ["no column label", "video, emotion"]),
        (["file,label", "a,joy"], ["no column video", "file, label"]),
        (["file,emotion", "a,joy"], ["no column video and no column label", "rating spreadsheet"]),
        (["video,label,Label", "a,joy,sad"], ["column label twice"]),
        (["video,label", "a,joy", " ,sad"], ["row 3", "no video"]),
        (["video,label", "walk, 1.mp4,joy"], ["row 2", "more cells", "quotes"]),
        (["video,label,valence", "a,joy,1.01"], ["row 2", "valence", "'1.01'", "-1 to 1"]),
        (["video,label,valence", "a,joy,nan"], ["row 2", "valence", "'nan'"]),
        (["video,label,arousal", "a,joy,-0.1"], ["row 2", "arousal", "'-0.1'", "0 to 1"]),
        (["video,label,arousal", "a,joy,high"], ["row 2", "arousal", "'high'"]),
        (["video,label,split", "a,joy,val"], ["row 2", "split", "'val'", "validation"]),
        (["video,label", 'a,"joy', "b,sad"], ["not a well-formed .csv"]),
        (["", "  ", ";;"], ["is empty"]),
    ],
)
def test_labels_csv_that_is_wrong_is_refused_with_the_place(tmp_path, lines, words):
    path = write(make(tmp_path, "a.mp4") / "labels.csv", *lines)
    with pytest.raises(LabelError) as caught:
        find_samples(tmp_path)
    for word in [*words, str(path)]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "is empty"),
        (bytes(range(256)), "UTF-8"),
        (b"video,label\n\x00\x01,joy", "binary"),
        ("video,label\nété,joy".encode("latin-1"), "UTF-8"),
        ("video,label\na,joy".encode("utf-16"), "UTF-8"),
        (b"PK\x03\x04 not a zip", "not a readable .xlsx"),
        (b"\xef\xbb\xbf", "is empty"),
    ],
)
def test_unreadable_label_file_is_refused(tmp_path, content, word):
    (make(tmp_path, "a.mp4") / "labels.csv").write_bytes(content)
    with pytest.raises(LabelError, match=word):
        find_samples(tmp_path)


def test_zip_that_is_no_spreadsheet_is_refused(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "l.xlsx", "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(LabelError, match=r"not a readable \.xlsx"):
        find_samples(tmp_path, tmp_path / "l.xlsx")


def test_missing_label_file_is_refused_with_what_was_expected(tmp_path):
    with pytest.raises(
        LabelError, match=r"no label file .*none\.csv; expected a table with the columns video and"
    ):
        find_samples(tmp_path, tmp_path / "none.csv")
    with pytest.raises(LabelError, match="cannot be read"):
        find_samples(tmp_path, tmp_path)


# subjects.csv


def test_subjects_beside_the_label_file_and_label_file_wins(tmp_path):
    videos = make(tmp_path / "videos", "a.mp4", "b.mp4", "c.mp4", "d.mp4")
    write(tmp_path / "l.csv", "video,label,subject", "a,joy,own", "b,sad,", "c,sad,", "d,joy,same")
    write(tmp_path / "Subjects.csv", "Video;Subject", "a;other", "B.mp4;S2", "ghost;S3", "d;same")
    found = find_samples(videos, tmp_path / "l.csv")
    assert [s.subject for s in found.samples] == ["own", "S2", None, "same"]
    assert noted(found, "subjects differ", "(1): a.mp4")
    assert noted(found, "subjects without a video (1)", "ghost")
    assert noted(found, "videos without a subject (1)", "c.mp4")


def test_subjects_in_the_folder_of_the_videos(tmp_path):
    make(tmp_path, "joy/a.mp4", "sad/b.mp4")
    write(tmp_path / "subjects.csv", "video,subject", "sad/b,S1", "a,")
    found = find_samples(tmp_path)
    assert [s.subject for s in found.samples] == [None, "S1"]
    assert found.source == "class folders"
    assert noted(found, "empty subject (1)", "a (row 3)")


def test_two_subject_files_the_one_beside_the_labels_is_used(tmp_path):
    videos = make(tmp_path / "videos", "a.mp4")
    write(videos / "subjects.csv", "video,subject", "a,far")
    write(tmp_path / "subjects.csv", "video,subject", "a,near")
    found = find_samples(videos, write(tmp_path / "l.csv", "video,label", "a,joy"))
    assert found.samples[0].subject == "near"
    assert noted(found, str(videos / "subjects.csv"))


def test_subjects_that_contradict_or_lack_a_column_are_refused(tmp_path):
    make(tmp_path, "joy/a.mp4")
    write(tmp_path / "subjects.csv", "video,subject", "a,S1", "a,S2")
    with pytest.raises(LabelError, match=r"S1 \(row 2\), S2 \(row 3\)"):
        find_samples(tmp_path)
    write(tmp_path / "subjects.csv", "video,person", "a,S1")
    with pytest.raises(LabelError, match="no column subject; found the columns video, person"):
        find_samples(tmp_path)


def test_nobody_is_missed_where_no_subjects_are_known(tmp_path):
    assert find_samples(make(tmp_path, "joy/a.mp4")).notes == ()


# Names


def test_bare_name_that_fits_two_videos_is_refused_with_both_and_a_path_decides(tmp_path):
    make(tmp_path, "happy/a.mp4", "sad/a.mp4")
    path = write(tmp_path / "labels.csv", "video,label", "a,joy")
    with pytest.raises(LabelError, match=r"row 2: 'a' fits 2 videos: happy/a\.mp4, sad/a\.mp4"):
        find_samples(tmp_path)
    write(path, "video,label", "Happy\\A,joy", "./sad/a.mp4,grief")
    assert labels_of(find_samples(tmp_path)) == {"happy/a.mp4": "joy", "sad/a.mp4": "grief"}


def test_files_that_differ_in_extension_need_it(tmp_path):
    make(tmp_path, "a.mp4", "a.avi")
    path = write(tmp_path / "labels.csv", "video,label", "a,joy")
    with pytest.raises(LabelError, match=r"a\.avi, a\.mp4"):
        find_samples(tmp_path)
    write(path, "video,label", "A.MP4,joy", "a.avi,sad")
    assert labels_of(find_samples(tmp_path)) == {"a.avi": "sad", "a.mp4": "joy"}


@pytest.mark.parametrize(
    ("entry", "files", "expected"),
    [
        ("./a.mp4", ["a.mp4", "sad/a.mp4"], "a.mp4"),
        ("x/a.mp4", ["sad/a.mp4"], None),
        ("a.mov", ["a.mp4"], "a.mp4"),
        ("walk.1", ["walk.1.mp4", "walk.2.mp4"], "walk.1.mp4"),
        ("walk", ["walk.1.mp4"], None),
        ("walk.mov", ["walk.mov.mp4"], "walk.mov.mp4"),
        ("été.MP4", [unicodedata.normalize("NFD", "Été.mp4")], unicodedata.normalize("NFD", "Été.mp4")),
        ("步行", ["步行.mp4", "走路.mp4"], "步行.mp4"),
        ("deep/er/a", ["deep/er/a.mp4", "er/a.mp4"], "deep/er/a.mp4"),
        (" deep / er\\a .mp4 ", ["deep/er/a.mp4"], "deep/er/a.mp4"),
        ("straße", ["STRASSE.mp4"], "STRASSE.mp4"),
    ],
)
def test_names_match(entry, files, expected):
    assert NameIndex(files, (".mp4", ".mov")).find(entry, "row 2") == expected


# Letters whose case can be turned there and back: of dotless i, for one, upper case is plain I.
LETTERS = st.characters(codec="utf-8", categories=("L", "N")).filter(
    lambda c: unicodedata.normalize("NFD", c.upper()).casefold() == unicodedata.normalize("NFD", c.casefold())
)


@settings(max_examples=200, deadline=None)
@given(
    stem=st.text(LETTERS | st.sampled_from("-_.()"), min_size=1, max_size=12),
    case=st.sampled_from([str.upper, str.lower, str.casefold, str]),
    form=st.sampled_from(["NFC", "NFD"]),
    spaces=st.tuples(*[st.sampled_from(["", " ", "\t", "\u00a0 "])] * 2),
    ending=st.sampled_from(["", ".mp4", ".MOV", " .Mp4"]),
    prefix=st.sampled_from(["", "Sad/", "sad\\", " SAD / "]),
)
def test_names_match_whatever_case_spaces_form_and_extension(stem, case, form, spaces, ending, prefix):
    assume(stem.strip(". ") and not stem.lower().endswith((".mp4", ".mov")))
    file = f"sad/{stem}.mp4"
    index = NameIndex(["joy/another file.mp4", file], (".mp4", ".mov"))
    entry = prefix + spaces[0] + unicodedata.normalize(form, case(stem)) + ending + spaces[1]
    assert index.find(entry, "row 2") == file


def test_class_order_is_alphabetical_and_each_class_stands_once():
    assert order_classes(["sad", "Angry ", "happy", "angry"]) == ("angry", "happy", "sad")
    assert order_classes([unicodedata.normalize("NFD", "été"), "été"]) == ("été",)
    assert order_classes([]) == ()


def test_import_is_light():
    code = "import sys, gait.labels; print({'pandas', 'openpyxl', 'tensorflow'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
