"""Sound in and out, in every format, with every oddity."""

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from sidestep_tui.dataset.audio import SAMPLE_RATE, WRITABLE_SUFFIXES, Waveform, read_audio, to_stereo, write_audio
from sidestep_tui.dataset.audio_stream import stream_audio
from sidestep_tui.dataset.probe import probe_file
from sidestep_tui.errors import SidestepError
from tests.dataset.conftest import tone


def pitch(waveform: Waveform, sample_rate: int = SAMPLE_RATE) -> float:
    spectrum = np.abs(np.fft.rfft(waveform[0]))
    return float(np.fft.rfftfreq(waveform.shape[1], 1 / sample_rate)[spectrum.argmax()])


def write_ffmpeg(path: Path, waveform: Waveform, rate: int, container: str, codec: str, **options: object) -> None:
    """Writes what libsndfile cannot: aac, wma, video, MP3 of variable rate without a table of its frames."""
    with av.open(str(path), "w", format=container, options=options.get("container_options")) as output:
        stream = output.add_stream(codec, rate=rate, layout="stereo", options=options.get("codec_options"))
        stream.bit_rate = options.get("bit_rate", 128_000)
        if options.get("video"):
            picture = output.add_stream("mpeg4", rate=10)
            picture.width, picture.height, picture.pix_fmt = 32, 32, "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            output.mux([*picture.encode(frame), *picture.encode(None)])
        for start in range(0, waveform.shape[1], 1024):
            block = np.ascontiguousarray(waveform[:, start : start + 1024])
            sound = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            sound.sample_rate, sound.pts = rate, start
            output.mux(stream.encode(sound))
        output.mux(stream.encode(None))


@pytest.mark.parametrize("suffix", sorted(WRITABLE_SUFFIXES))
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
def test_round_trip(tmp_path: Path, suffix: str, channels: int, rate: int) -> None:
    path = tmp_path / f"tone{suffix}"
    write_audio(path, tone(1.0, rate, channels), rate)
    info = probe_file(path).audio
    assert info is not None
    assert (info.channels, round(info.duration, 2)) == (channels, 1.0)
    waveform = read_audio(path)
    assert waveform.dtype == np.float32
    assert waveform.shape == (2, SAMPLE_RATE)
    assert pitch(waveform) == pytest.approx(440, abs=1.5)
    middle = waveform[:, SAMPLE_RATE // 4 : -SAMPLE_RATE // 4]
    assert np.sqrt((middle**2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize(("name", "container", "codec"), [("a.aac", "adts", "aac"), ("a.wma", "asf", "wmav2")])
def test_formats_that_only_ffmpeg_reads(tmp_path: Path, name: str, container: str, codec: str) -> None:
    path = tmp_path / name
    write_ffmpeg(path, tone(2.0, 44_100), 44_100, container, codec)
    info = probe_file(path).audio
    assert info is not None
    assert info.duration == pytest.approx(2.0, abs=0.1)
    assert read_audio(path).shape[1] / SAMPLE_RATE == pytest.approx(2.0, abs=0.1)


def test_a_video_named_mp3_is_read_for_its_sound(tmp_path: Path) -> None:
    path = tmp_path / "film.mp3"
    write_ffmpeg(path, tone(2.0, 44_100), 44_100, "mp4", "aac", video=True)
    info = probe_file(path).audio
    assert info is not None
    assert (info.codec, info.duration) == ("aac", pytest.approx(2.0, abs=0.01))
    assert pitch(read_audio(path)) == pytest.approx(440, abs=1.5)


def test_a_video_without_sound_is_named(tmp_path: Path) -> None:
    path = tmp_path / "silent.mp3"
    with av.open(str(path), "w", format="mp4") as output:
        picture = output.add_stream("mpeg4", rate=10)
        picture.width, picture.height, picture.pix_fmt = 32, 32, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        output.mux([*picture.encode(frame), *picture.encode(None)])
    assert "no audio stream" in (probe_file(path).problem or "")
    with pytest.raises(SidestepError, match="no audio stream"):
        read_audio(path)


def test_sound_that_no_decoder_knows_is_named(tmp_path: Path) -> None:
    """As Dolby's AC-4 in an MP4: FFmpeg sees a stream, and has no decoder for it."""
    path = tmp_path / "film.m4a"
    write_audio(path, tone(0.5), 44_100)
    path.write_bytes(path.read_bytes().replace(b"mp4a", b"ac-4").replace(b"esds", b"free"))
    assert probe_file(path).problem == "its audio is encoded in a way that FFmpeg does not know"
    with pytest.raises(SidestepError, match="encoded in a way"):
        read_audio(path)


def test_mp3_of_variable_rate_without_a_frame_table_keeps_its_whole_length(tmp_path: Path) -> None:
    """libsndfile guesses its length from the first frames and cuts the sound there."""
    rate, path = 44_100, tmp_path / "vbr.mp3"
    noise = np.random.default_rng(0).standard_normal((2, 5 * rate)).astype(np.float32).clip(-1, 1)
    quiet_then_loud = np.concatenate([0.01 * tone(15, rate), noise], axis=1)
    write_ffmpeg(path, quiet_then_loud, rate, "mp3", "libmp3lame", container_options={"write_xing": "0"}, bit_rate=0,
                 codec_options={"flags": "+qscale", "global_quality": "236"})  # fmt: skip
    info = probe_file(path).audio
    assert info is not None
    assert info.duration == pytest.approx(20, abs=0.1)
    assert read_audio(path).shape[1] / SAMPLE_RATE == pytest.approx(20, abs=0.1)


def test_more_channels_are_mixed_down_without_clipping() -> None:
    for channels in (3, 4, 5, 6, 7, 8):
        loud = np.ones((channels, 10), dtype=np.float32)
        stereo = to_stereo(loud)
        assert stereo.shape == (2, 10)
        assert stereo.max() <= 1.0 + 1e-6
    left_only = np.zeros((6, 10), dtype=np.float32)
    left_only[0] = 1
    assert to_stereo(left_only)[0].min() > 0.3
    assert to_stereo(left_only)[1].max() == 0


def test_max_seconds_stops_early(tmp_path: Path) -> None:
    for name in ("long.wav", "long.mp3"):
        write_audio(tmp_path / name, tone(3.0, 44_100), 44_100)
        assert read_audio(tmp_path / name, max_seconds=1.0).shape == (2, SAMPLE_RATE)


@pytest.mark.parametrize(
    ("name", "rate"), [("a.wav", 44_100), ("a.flac", 48_000), ("a.mp3", 44_100), ("a.m4a", 48_000)]
)
@pytest.mark.parametrize("seconds", [0.5, 45.0])
def test_a_stream_gives_what_reading_gives(tmp_path: Path, name: str, rate: int, seconds: float) -> None:
    path = tmp_path / name
    write_audio(path, tone(seconds, rate), rate)
    pieces = list(stream_audio(path))
    assert max(piece.shape[1] for piece in pieces) < 22 * SAMPLE_RATE
    whole = read_audio(path)
    together = np.concatenate(pieces, axis=1)
    assert together.shape == whole.shape
    np.testing.assert_allclose(together, whole, atol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_not_numbers_are_an_error(tmp_path: Path, bad: float) -> None:
    waveform = tone()
    waveform[0, 5] = bad
    path = tmp_path / "nan.wav"
    soundfile.write(path, waveform.T, 8_000, subtype="FLOAT")
    with pytest.raises(SidestepError, match="NaN"):
        list(stream_audio(path))
    with pytest.raises(SidestepError, match="NaN") as caught:
        read_audio(path)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("content", [b"", b"not audio at all" * 100, b"RIFF\x00\x00\x00\x00WAVE", b"ID3\x03\x00\x00"])
def test_what_is_no_audio_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.mp3"
    path.write_bytes(content)
    assert probe_file(path).problem
    with pytest.raises(SidestepError) as caught:
        read_audio(path)
    assert caught.value.where == str(path)


def test_a_missing_file_and_an_unknown_format_are_errors(tmp_path: Path) -> None:
    with pytest.raises(SidestepError, match="no such file"):
        read_audio(tmp_path / "none.wav")
    with pytest.raises(SidestepError, match="No audio format"):
        write_audio(tmp_path / "song.xyz", tone(), 8_000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".ogg", ".opus"])
def test_the_same_sound_is_the_same_ogg_file_and_its_pages_are_whole(tmp_path, suffix):
    sound = np.random.default_rng(0).uniform(-0.3, 0.3, (2, SAMPLE_RATE)).astype(np.float32)
    files = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for file in files:
        write_audio(file, sound)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].read_bytes()[14:18] == b"\x01\x00\x00\x00"
    assert read_audio(files[0]).shape == sound.shape  # libogg leaves out a page whose checksum is wrong
