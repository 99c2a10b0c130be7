"""The reader and the writer, on files whose content is known."""

from __future__ import annotations

import builtins
import errno
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from conftest import moving_square
from videofiles import (
    damage,
    number_of,
    numbered,
    packets_of,
    write_frames,
    write_long,
    write_numbered,
    write_sound,
)

from gait.clips import resample
from gait.errors import VideoError
from gait.video import EXTENSIONS, FrameSize, VideoReader, fit_inside, open_video, write_video


def read(path, fit=None):
    """Times, numbers, packets that failed."""
    with open_video(path, fit) as video:
        pairs = [(seconds, number_of(frame)) for seconds, frame in video]
        assert video.frames == len(pairs)
        return [t for t, _ in pairs], [n for _, n in pairs], video.errors


def reason(path) -> str:
    with pytest.raises(VideoError) as caught, open_video(path) as video:
        list(video)
    return str(caught.value)


@pytest.mark.parametrize("ending", [*EXTENSIONS, ".MP4", ".MoV"])
def test_every_container_gives_all_frames_in_order(tmp_path, ending):
    times, numbers, errors = read(write_numbered(tmp_path / f"walk{ending}", 25))
    assert numbers == list(range(25))
    assert times == pytest.approx(np.arange(25) / 30, abs=1.1e-3)  # Matroska keeps whole milliseconds
    assert errors == 0


@pytest.mark.parametrize(
    "name", ["two words.mp4", "Gehörgang é ñ.mp4", "歩く 走る.mkv", "12:30.mp4", "100%d.mp4"]
)
def test_names_of_any_kind(tmp_path, monkeypatch, name):
    write_numbered(tmp_path / "plain.mkv", 5).rename(tmp_path / name)
    assert read(tmp_path / name)[1] == list(range(5))
    # A bare name before whose colon FFmpeg would see a protocol.
    monkeypatch.chdir(tmp_path)
    assert read(name)[1] == list(range(5))


def test_variable_frame_rate_goes_by_time_stamps(tmp_path):
    stamps = [0, 10, 30, 35, 120, 130, 300, 310, 320, 500, 505, 730, 1000]
    path = write_frames(tmp_path / "phone.mp4", [numbered(i) for i in range(13)], stamps)
    times, numbers, _ = read(path)
    assert numbers == list(range(13))
    assert times == pytest.approx(np.array(stamps) / 1000, abs=1e-3)
    with open_video(path) as video:
        chosen = [number_of(frame) for frame in resample(video, 10)]
    # By hand, at 0, 100, ..., 1000 ms.
    assert chosen == [0, 4, 5, 6, 8, 9, 10, 11, 11, 12, 12]


def test_what_a_header_claims_of_rate_and_length_is_not_used(tmp_path):
    stamps = [100 * i for i in range(12)]
    path = write_frames(tmp_path / "liar.avi", [numbered(i) for i in range(12)], rate=10)
    content = bytearray(path.read_bytes())
    for field in (content.index(b"avih") + 8 + 16, content.index(b"strh") + 8 + 32):
        content[field : field + 4] = (99_999).to_bytes(4, "little")
    path.write_bytes(content)
    with av.open(str(path)) as file:
        assert file.streams.video[0].frames == 99_999
    assert read(path)[1] == list(range(12))
    # 30 frames a second in the header, 10 by the stamps.
    path = write_frames(tmp_path / "liar.mkv", [numbered(i) for i in range(12)], stamps, rate=30)
    assert read(path)[0] == pytest.approx(np.array(stamps) / 1000)


def picture() -> np.ndarray:
    """An upright picture (48, 64, 3) of four colours, one a corner."""
    shot = np.zeros((48, 64, 3), np.uint8)
    shot[:24, :32], shot[:24, 32:] = (220, 30, 30), (30, 220, 30)
    shot[24:, :32], shot[24:, 32:] = (30, 30, 220), (220, 220, 30)
    return shot


# (a, b, c, d) of the track header's matrix (ISO/IEC 14496-12): (x, y) is shown at (a x + c y, b x + d y), y
# pointing down.
# (0, 1, -1, 0) is what a phone held upright writes: shown after a quarter turn clockwise.
TURNS = {
    "upright": ((1, 0, 0, 1), lambda shot: shot),
    "quarter clockwise": ((0, 1, -1, 0), lambda shot: np.rot90(shot, -1)),
    "half": ((-1, 0, 0, -1), lambda shot: np.rot90(shot, 2)),
    "quarter anticlockwise": ((0, -1, 1, 0), lambda shot: np.rot90(shot)),
    "left to right": ((-1, 0, 0, 1), lambda shot: shot[:, ::-1]),
    "upside down": ((1, 0, 0, -1), lambda shot: shot[::-1]),
    "along the diagonal": ((0, 1, 1, 0), lambda shot: shot.transpose(1, 0, 2)),
}


def with_matrix(path: Path, matrix: tuple[int, ...]) -> Path:
    """Put a matrix into an .mp4's track header."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 44
    a, b, c, d = (int(value * 65536).to_bytes(4, "big", signed=True) for value in matrix)
    zero = bytes(4)
    content[at : at + 36] = a + b + zero + c + d + zero + zero + zero + (1 << 30).to_bytes(4, "big")
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("matrix", "shown"), TURNS.values(), ids=TURNS)
def test_rotation_and_mirroring_are_honoured(tmp_path, matrix, shown):
    path = with_matrix(write_frames(tmp_path / "phone.mp4", [picture()] * 3), matrix)
    expected = shown(picture()).astype(int)
    with open_video(path) as video:
        frames = [frame for _, frame in video]
    assert [frame.shape for frame in frames] == [expected.shape] * 3
    inner = (slice(4, 20), slice(4, 20))
    for corner in (np.s_[:, :], np.s_[::-1, :], np.s_[:, ::-1], np.s_[::-1, ::-1]):
        assert np.abs(frames[0][corner][inner] - expected[corner][inner]).max() < 25
    # Turned frames are fitted as they are shown.
    with open_video(path, FrameSize(24, 24)) as video:
        fitted = next(iter(video))[1]
    height, width = expected.shape[:2]
    assert fitted.shape[:2] == ((24, 18) if height > width else (18, 24))
    assert fitted.flags.c_contiguous


@pytest.mark.parametrize("turn", ["quarter clockwise", "half", "quarter anticlockwise"])
def test_rotation_agrees_with_opencv(tmp_path, turn):
    path = with_matrix(write_frames(tmp_path / "phone.mp4", [picture()] * 3), TURNS[turn][0])
    capture = cv2.VideoCapture(str(path))
    theirs = capture.read()[1][..., ::-1].astype(int)
    capture.release()
    with open_video(path) as video:
        ours = next(iter(video))[1]
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).mean() < 8


def test_missing_stamps_go_on_by_the_last_step(tmp_path):
    path = write_numbered(tmp_path / "raw.mp4", 20, container="h264")
    with av.open(str(path)) as file:
        assert all(frame.time is None for frame in file.decode(video=0))
    times, numbers, _ = read(path)
    assert numbers == list(range(20))
    assert times == pytest.approx(np.arange(20) / 30)


def test_stamps_that_go_back_go_on_by_the_last_step(tmp_path):
    piece = write_numbered(tmp_path / "piece.ts", 20, container="mpegts", rate=25).read_bytes()
    path = tmp_path / "joined.mp4"
    path.write_bytes(piece + piece)
    times, numbers, _ = read(path)
    assert numbers == 2 * list(range(20))
    assert times == pytest.approx(np.arange(40) / 25)


@pytest.mark.parametrize("glitch", [[10], [3, 10, 17]])
def test_stamps_that_jump_by_hours_make_no_endless_walk(tmp_path, glitch):
    stamps, now = [], 0
    for i in range(20):
        now += 7_200_000 if i in glitch else 40
        stamps.append(now)
    path = write_frames(tmp_path / "jump.mp4", [numbered(i) for i in range(20)], stamps)
    times, numbers, _ = read(path)
    assert numbers == list(range(20))
    assert times == pytest.approx(np.arange(20) * 0.04, abs=2e-3)
    with open_video(path) as video:
        assert sum(1 for _ in resample(video, 25)) == 20


def test_a_pause_of_seconds_is_kept(tmp_path):
    path = write_frames(tmp_path / "pause.mp4", [numbered(i) for i in range(4)], [0, 40, 3040, 3080])
    assert read(path)[0] == pytest.approx([0, 0.04, 3.04, 3.08], abs=2e-3)


def test_the_size_of_frames_may_change(tmp_path):
    path = tmp_path / "sizes.webm"
    with av.open(str(path), "w") as target:
        stream = None
        for part, height in enumerate((48, 96)):
            source = write_frames(
                tmp_path / "part.webm", [numbered(10 * part + i, height) for i in range(10)]
            )
            with av.open(str(source)) as file:
                stream = stream or target.add_stream_from_template(file.streams.video[0])
                for packet in file.demux(video=0):
                    if packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + 333 * part, packet.dts + 333 * part
                        packet.stream = stream
                        target.mux(packet)
    with open_video(path) as video:
        frames = [frame for _, frame in video]
    assert [frame.shape for frame in frames] == 10 * [(48, 64, 3)] + 10 * [(96, 64, 3)]
    assert [number_of(frame) for frame in frames] == list(range(20))
    with open_video(path, FrameSize(24, 24)) as video:
        assert {frame.shape for _, frame in video} == {(18, 24, 3), (24, 16, 3)}


@pytest.mark.parametrize(("height", "width"), [(49, 67), (2, 2), (31, 200), (1, 9)])
def test_odd_sizes(tmp_path, height, width):
    # Motion JPEG may be odd both ways.
    frames = [np.full((height, width, 3), 90, np.uint8)] * 3
    path = write_frames(tmp_path / "odd.avi", frames, codec="mjpeg")
    with open_video(path) as video:
        shots = [frame for _, frame in video]
    assert [shot.shape for shot in shots] == 3 * [(height, width, 3)]
    assert np.abs(shots[0].astype(int) - 90).max() < 6


@pytest.mark.parametrize("pixels", ["gray", "yuv422p10le", "yuv444p", "bgr0", "bgra"])
def test_pixel_formats(tmp_path, pixels):
    path = tmp_path / "pixels.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=30)
        stream.height, stream.width, stream.pix_fmt = 48, 64, pixels
        for i in range(3):
            frame = av.VideoFrame.from_ndarray(numbered(i), format="rgb24").reformat(format=pixels)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    assert read(path)[1] == [0, 1, 2]
    assert read(path, FrameSize(24, 24))[1] == [0, 1, 2]


def test_fitting_scales_by_area_and_keeps_the_aspect_ratio(tmp_path):
    frame = moving_square(1, height=96, width=160)[0]
    path = write_frames(tmp_path / "wide.mp4", [frame] * 2)
    with open_video(path) as video:
        full = next(iter(video))[1]
    with open_video(path, FrameSize(40, 40)) as video:
        fitted = next(iter(video))[1]
    assert fitted.shape == (24, 40, 3)
    area = cv2.resize(full, (40, 24), interpolation=cv2.INTER_AREA)
    assert np.abs(fitted.astype(int) - area).mean() < 4


@pytest.mark.parametrize(
    ("size", "box", "expected"),
    [((1920, 1080), (80, 45), (80, 45)), ((1080, 1920), (80, 45), (25, 45)), ((10, 2000), (80, 45), (1, 45))],
)
def test_fit_inside(size, box, expected):
    assert fit_inside(FrameSize(*size), FrameSize(*box)) == expected


def test_a_truncated_file_gives_what_decodes(tmp_path):
    path = write_numbered(tmp_path / "cut.mkv", 60)
    path.write_bytes(path.read_bytes()[: packets_of(path)[40][0]])
    with open_video(path) as video:
        numbers = [number_of(frame) for _, frame in video]
    assert numbers == list(range(len(numbers)))
    assert video.frames == len(numbers)
    assert 30 <= len(numbers) <= 41


def test_a_truncated_file_with_its_index_in_front_counts_the_torn_packet(tmp_path):
    whole = write_numbered(tmp_path / "whole.mp4", 60)
    path = tmp_path / "cut.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as target, av.open(str(whole)) as source:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    start, size = packets_of(path)[40]
    path.write_bytes(path.read_bytes()[: start + size // 2])
    _, numbers, errors = read(path)
    assert numbers[:40] == list(range(40))
    assert errors + len(numbers) == 41  # the torn one fails, or is shown as far as it goes


def test_files_that_are_no_video_say_why(tmp_path):
    whole = write_numbered(tmp_path / "whole.mp4", 30).read_bytes()
    files = {
        "empty": b"",
        "text": b"Dear diary, today I walked.\n" * 50,
        "no moov": whole[: len(whole) // 2],
    }
    reasons = {}
    for name, content in files.items():
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(content)
        reasons[name] = reason(path)
    assert reasons["empty"] == "the file is empty (0 bytes)"
    assert reasons["text"].startswith("not a readable video")
    assert reasons["no moov"].startswith("not a readable video")
    assert "audio" in reason(write_sound(tmp_path / "sound.mp4"))
    assert "No such file" in reason(tmp_path / "gone.mp4")
    (tmp_path / "folder.mp4").mkdir()
    assert "directory" in reason(tmp_path / "folder.mp4").lower()


def test_a_header_without_pictures_gives_no_frame(tmp_path):
    path = write_numbered(tmp_path / "walk.mkv", 30)
    path.write_bytes(path.read_bytes()[: packets_of(path)[0][0]])
    assert read(path) == ([], [], 0)


@pytest.mark.parametrize("kind", [builtins.PermissionError, av.error.PermissionError])
def test_a_file_that_may_not_be_read_says_so(tmp_path, monkeypatch, kind):
    def refuse(*_, **__):
        raise kind(errno.EACCES, "Permission denied")

    path = write_numbered(tmp_path / "locked.mp4", 3)
    monkeypatch.setattr(av, "open", refuse)
    assert reason(path) == "cannot be opened (Permission denied)"


def test_a_stream_of_an_unknown_codec_is_refused(tmp_path):
    # Decoding it would end the process (PyAV issue 2344).
    path = write_numbered(tmp_path / "walk.mkv", 5)
    content = path.read_bytes()
    assert content.count(b"V_MPEG4/ISO/AVC") == 1
    path.write_bytes(content.replace(b"V_MPEG4/ISO/AVC", b"V_UNKNOWN/ABCDE"))
    assert "format" in reason(path)


def test_one_frame(tmp_path):
    assert read(write_numbered(tmp_path / "one.mp4", 1)) == ([0.0], [0], 0)


def test_the_longer_stream_is_read_where_a_still_picture_stands_before_it(tmp_path):
    whole = write_numbered(tmp_path / "whole.mp4", 20)
    path = tmp_path / "cover.mkv"
    with av.open(str(path), "w") as target, av.open(str(whole)) as source:
        still = target.add_stream("mjpeg", rate=30)
        still.height, still.width, still.pix_fmt = 40, 40, "yuvj420p"
        still.disposition = av.stream.Disposition.still_image
        walk = target.add_stream_from_template(source.streams.video[0])
        shot = np.full((40, 40, 3), 255, np.uint8)
        target.mux(still.encode(av.VideoFrame.from_ndarray(shot, format="rgb24")))
        target.mux(still.encode(None))
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = walk
                target.mux(packet)
    assert read(path)[1] == list(range(20))


@pytest.mark.parametrize("which", [[10], [10, 11, 25], [28], [29], [27, 29]])
def test_damaged_packets_are_counted_and_cost_no_other_frame(tmp_path, which):
    # Every frame on its own (key frames only), so that damage spoils no later one; the last ones matter, too:
    # frame threads lose frames there (PyAV ends its flush at the first error).
    path = tmp_path / "damaged.mkv"
    noise = np.random.default_rng(1).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=30, options={"g": "1", "preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for i in range(30):
            shot = numbered(i) // 2 + noise // 8
            file.mux(stream.encode(av.VideoFrame.from_ndarray(shot, format="rgb24")))
        file.mux(stream.encode(None))
    with open_video(damage(path, which)) as video:
        times = [seconds for seconds, _ in video]
    assert video.errors == len(which)
    assert times == pytest.approx([i / 30 for i in range(30) if i not in which], abs=1.1e-3)


def test_a_demuxer_that_fails_gives_the_frames_read_before(tmp_path):
    path = write_frames(tmp_path / "b.mp4", [numbered(i) for i in range(30)])

    class Broken:
        """A container whose file stops being readable after 20 packets."""

        def __init__(self, container):
            self.streams = container.streams
            self._container = container

        def demux(self, stream):
            for i, packet in enumerate(self._container.demux(stream)):
                if i == 20:
                    raise av.error.OSError(errno.EIO, "Input/output error")
                yield packet

    with av.open(str(path)) as container:
        video = VideoReader(Broken(container))
        numbers = [number_of(frame) for _, frame in video]
    assert numbers == list(range(20))
    assert video.errors == 1


def test_a_reader_can_be_left_early_and_opened_again(tmp_path):
    path = write_numbered(tmp_path / "walk.mp4", 30)
    for _ in range(3):
        with open_video(path) as video:
            assert number_of(next(iter(video))[1]) == 0
    assert len(read(path)[1]) == 30


def test_long_videos_come_whole(tmp_path):
    path = write_long(tmp_path / "long.mp4", write_numbered(tmp_path / "short.mp4", 50), 10)
    times, numbers, _ = read(path)
    assert numbers == 10 * list(range(50))
    assert times == pytest.approx(np.arange(500) / 30, abs=1e-3)


@pytest.mark.parametrize("size", [(48, 64), (49, 65)])
def test_what_is_written_is_read_again(tmp_path, size):
    frames = moving_square(12, *size)
    path = tmp_path / "out" / "é.mp4"
    path.parent.mkdir()
    assert write_video(path, iter(frames), 12.5, quality=12) == 12
    with open_video(path) as video:
        back = list(video)
    assert [t for t, _ in back] == pytest.approx(np.arange(12) / 12.5, abs=1e-3)
    assert back[0][1].shape == (48, 64, 3)
    for (_, ours), shot in zip(back, frames, strict=True):
        assert np.abs(ours.astype(int) - shot[:48, :64]).mean() < 12  # colour is stored at half size
    assert [p.name for p in path.parent.iterdir()] == ["é.mp4"]


def test_a_failure_leaves_the_old_file_and_no_part(tmp_path):
    def shots():
        yield from moving_square(5)
        raise RuntimeError("the renderer failed")

    path = tmp_path / "out.mp4"
    path.write_bytes(b"older")
    with pytest.raises(RuntimeError, match="renderer"):
        write_video(path, shots(), 30)
    with pytest.raises(VideoError, match="no frames"):
        write_video(path, [], 30)
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]
    assert path.read_bytes() == b"older"


def test_a_missing_encoder_is_named(tmp_path, monkeypatch):
    class Container:
        """An output file of a build of FFmpeg without x264."""

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def add_stream(self, codec, **_):
            raise av.error.EncoderNotFoundError(-1, codec)

    monkeypatch.setattr(av, "open", lambda *_, **__: Container())
    with pytest.raises(VideoError, match="libx264 is missing"):
        write_video(tmp_path / "out.mp4", moving_square(2), 30)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.realdata
def test_real_clips_decode_as_opencv_decodes_them(ewalk):
    path = min((ewalk / "videos").iterdir(), key=lambda file: file.stat().st_size)
    capture = cv2.VideoCapture(str(path))
    count = 0
    while capture.grab():
        count += 1
    capture.release()
    with open_video(path, FrameSize(80, 45)) as video:
        shots = [frame for _, frame in video]
    assert len(shots) == count
    assert video.errors == 0
