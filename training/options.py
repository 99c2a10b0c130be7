"""The flags of train.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gait.errors import GaitmoodError
from gait.options import require_positive


@dataclass(frozen=True)
class TrainOptions:
    """Options of a training run; every run writes them to its folder."""

    videos: Path = Path("videos")
    """Folder with the walks to train on."""
    labels: Path | None = None
    """Label file: a labels.csv, a rating spreadsheet or an EiLA table of boxes. By default found by looking into the
    folder."""
    demo: bool = False
    """Fill empty videos/ and videosTest/ with synthetic walkers first."""
    model: str = "cnn_lstm"
    """Architecture; with --cross-validate also several, A,B,..., or all, to compare them on the same folds."""
    summary: bool = False
    """Print the model's parameters, part by part, and stop."""
    weights: Path | None = None
    """Published weights to start from (vs_gcnn: ProxEmo's checkpoint; mdt_gcn), .npz, .pth or .pth.tar. With --epochs 0
    they become a model as they are, and no walks are needed."""
    name: str | None = None
    """Name of the model file; by default the architecture's."""
    frames: int | None = None
    """Frames of a clip; by default 30 of video (spatiotemporal: 16), 48 of joints."""
    rate: float | None = None
    """Frames per second at which walks are sampled; by default 15 of video, 24 of joints."""
    poses: str = "blazepose"
    """Pose estimator of the keypoint models and of landmarks: blazepose, mediapipe, or posenet."""
    pose_models: Path | None = None
    """Its model files, which the model remembers. mediapipe: the pose_landmarker_*.task file; blazepose: that file or a
    folder with the two .tflite files, by default fetched at set-up; posenet: by default saved_models/posenet.h5."""
    landmarks: Literal["body", "face", "none"] = "body"
    """What the spatiotemporal network sees beside frames: joints of the body; points of the face where one is seen,
    else of the body; or nothing."""
    emotions: Literal["step", "proxemo"] | None = None
    """Keypoint files: the emotions that integer labels mean. step: angry, neutral, happy, sad; proxemo: angry,
    happy, sad, neutral."""
    keypoint_rate: float | None = None
    """Keypoint files that do not say: frames per second; by default 30."""
    keypoint_first: Literal["left", "right"] = "left"
    """Keypoint files of Emotion-Gait and MDT-GCN: the side of the first arm and leg."""
    keypoint_labels: str | None = None
    """Keypoint files of Emotion-Gait and MDT-GCN: name of the file beside them that holds their labels; by default as
    their authors named it."""
    keypoint_unit: float | None = None
    """Keypoint files: metres in one unit of theirs; by default 0.01 for BVH, 1 for Emotion-Gait and MDT-GCN."""
    keypoint_person: int = 0
    """OpenPose and COCO files with several people: 0 is the one seen in most frames, 1 the next, and so on."""
    frame_size: str = "auto"
    """Height x width of a clip's frames, such as 80x45; auto: the videos' own shape, longer side 80 (spatiotemporal:
    224x224; longer side 64 with --demo)."""
    background: Literal["subtract", "keep"] = "subtract"
    """Show the network what moves (each clip minus its mean picture), or the frames as they are."""
    hold_out: float = 0.0
    """Share of the walks to keep aside for `test.py --held-out`: whole subjects, never trained on."""
    validation: float | None = None
    """Share of the remaining walks to validate on: whole subjects. By default 0.2 for networks, whose epoch they
    choose, and 0 for classical models, which need none. 0: train on all, networks for all epochs."""
    search: int = 0
    """Networks: settings (learning rate, batch size, balance) to try inside the training subjects first, judged by
    the validation walks. Classical models always search theirs."""
    cross_validate: str | None = None
    """Instead of saving a model, predict every walk by a model that never saw its walker: loso (leave one subject
    out) or a number of folds."""
    repeats: int = 1
    """Times that cross-validation deals the walks anew, with other folds and seeds."""
    epochs: int | None = None
    """Passes over the training walks, at most; by default the architecture's (40; spatiotemporal: 50)."""
    patience: int = 10
    """Epochs without a lower validation loss after which training stops."""
    batch_size: int = 8
    """Clips of a training step."""
    learning_rate: float | None = None
    """Step size of Adam; by default the architecture's (cnn_lstm: 0.00007)."""
    balance: Literal["weights", "oversample", "cut", "none"] = "weights"
    """How rare classes are evened out, on the training side only; cut leaves out walks of frequent ones."""
    augment: bool = True
    """Vary what is trained on: mirror, time shift and stretch; frames also by small crops and brightness, joints
    by turns, scale, noise and gaps; features by mirror only, as those of a walk that is turned are the same."""
    soft_labels: bool = False
    """Train on the raters' distribution over emotions where ratings are given."""
    affect: bool = False
    """Learn valence and arousal, too: as the label file gives them, else derived from the emotion. The
    spatiotemporal network always does."""
    mixed_precision: bool = False
    """Compute in half precision: on GPUs, and on processors with AMX (the big networks train about three times as
    fast there). Elsewhere slower."""
    xla: bool = False
    """Compile the training step with XLA."""
    tensorboard: bool = False
    """Write TensorBoard logs to the run folder."""
    seed: int = 0
    """Same seed, same result."""
    resume: bool = False
    """Go on with the newest interrupted run (of --model, where given), with that run's options. With several models:
    with what is missing of their comparison."""
    overwrite: bool = False
    """Replace a model file of the same name instead of giving the new one a number."""
    strict: bool = False
    """Refuse copies and people on two sides, videosTest/ being one; leave with exit code 1 when files had to be left
    out."""
    jobs: int | None = None
    """Worker processes that read videos; by default one a core."""
    cache: Path | None = None
    """Folder for extracted frames; by default the user's cache folder. Kept below 20 GB."""
    runs: Path = Path("runs")
    """Where run folders go."""
    saved_models: Path = Path("saved_models")
    """Where model files go."""

    def __post_init__(self) -> None:
        """Refuse values that no run could be made with.

        Raises
        ------
        GaitmoodError
            A number is not positive, or a name is no plain file name.
        """
        numbers = (
            "frames",
            "rate",
            "keypoint_rate",
            "keypoint_unit",
            "patience",
            "batch_size",
            "learning_rate",
        )
        require_positive(self, *numbers, "jobs", "repeats")
        if not (self.epochs == 0 and self.weights is not None):  # published weights, as they are
            require_positive(self, "epochs")
        self._check_cross_validation()
        if self.search < 0:
            raise GaitmoodError(f"--search: a number of trials was expected, found {self.search}.")
        if self.seed < 0:
            raise GaitmoodError(f"--seed: a number that is not negative was expected, found {self.seed}.")
        if self.name is not None and (self.name != Path(self.name).name or self.name.startswith(".")):
            raise GaitmoodError(
                f"--name: a plain name was expected, found '{self.name}'. --saved-models chooses the folder."
            )

    @property
    def fold_count(self) -> int | None:
        """Folds of cross-validation; None leaves one subject out each time."""
        return None if self.cross_validate in (None, "loso") else int(self.cross_validate)

    @property
    def model_to_resume(self) -> str | None:
        """The model whose run goes on; None: any, as the default one is no choice."""
        return None if self.model == type(self).model else self.model

    def _check_cross_validation(self) -> None:
        given = self.cross_validate
        if given is None:
            if self.repeats > 1:
                raise GaitmoodError("--repeats is for cross-validation: add --cross-validate 5.")
            return
        if given != "loso" and not (given.isdecimal() and int(given) >= 2):
            raise GaitmoodError(
                f"--cross-validate: loso or a number of folds from 2 on was expected, found '{given}'."
            )
        if self.epochs == 0:
            raise GaitmoodError("--epochs 0 trains nothing to cross-validate: leave one of the two out.")
        if self.hold_out:
            raise GaitmoodError("--hold-out is of no use with --cross-validate: every walk is held out once.")
