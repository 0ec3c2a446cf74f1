"""What the options of presets are, for the help of the flags that set them. Imports nothing heavy, for `--help`."""

from collections.abc import Mapping

from attrs import field, frozen

_PRECISIONS = ("auto", "float32", "bfloat16", "float16")
_PRECISION = "Precision of the forward passes; auto suits the device."
_PARTS = "Micro-batches per batch; more need less memory."


@frozen
class OptionHelp:
    """An option of a preset.

    Attributes:
        text: what it is, with its unit.
        choices: all that it may be, where these are few words.
    """

    text: str
    choices: tuple[str, ...] = ()


@frozen(kw_only=True)
class GroupHelp:
    """Options that stand under one heading.

    Attributes:
        title: the heading.
        text: a sentence about them.
        options: by their names, with that of their section before.
    """

    title: str
    text: str
    options: Mapping[str, OptionHelp] = field(repr=False)


GROUPS = (
    GroupHelp(
        title="Space (from the preset)",
        text="The nets to choose from.",
        options={
            "space": OptionHelp("{spaces}; or a file that ends in .json or .toml."),
            "blocks_per_stage": OptionHelp("Blocks per stage, 1 to 100."),
            "width_mult": OptionHelp("Multiplier of the space's channels, 0.01 to 16."),
            "resolution": OptionHelp("Side of the images, in pixels."),
        },
    ),
    GroupHelp(
        title="Images (from the preset)",
        text="How they are split and augmented.",
        options={
            "batch_size": OptionHelp("Images per step, in all processes together."),
            "search_share": OptionHelp("Share of the training images that the search uses, 0 to 1."),
            "validation_share": OptionHelp("Share of these held out to train the architecture, 0 to 1."),
            "validation_size": OptionHelp(
                "Photos of these held out to train the architecture: a share if below 1, else their number."
            ),
            "test_share": OptionHelp("Share held out as test images if the folder has no val and test, 0 to 1."),
            "max_corrupt_share": OptionHelp("Share of images that may be unreadable, 0 to 1."),
            "augmentation.crop_padding": OptionHelp("Maximum shift of an image, in pixels."),
            "augmentation.horizontal_flip": OptionHelp("Mirror half of the images."),
            "augmentation.cutout": OptionHelp("Side of the blanked square, in pixels; 0 for none."),
            "augmentation.min_scale": OptionHelp("Smallest crop, as a share of the photo's area."),
            "augmentation.color_jitter": OptionHelp("Strength of the colour jitter.", ("none", "normal", "strong")),
            "augmentation.rand_augment": OptionHelp("Magnitude of RandAugment, 1 to 30; 0 for none."),
        },
    ),
    GroupHelp(
        title="Objective (from the preset)",
        text="How costs enter the search.",
        options={
            "objective.form": OptionHelp(
                "constrained lands on the requested latency; the others weigh latency against accuracy, and so does "
                "constrained if none is requested.",
                ("constrained", "linear", "absolute", "mul-log", "reinforce"),
            ),
            "objective.weight": OptionHelp(
                "Penalty for twice the requested latency, or twice that of the average net; for linear, absolute, and "
                "constrained if none is requested."
            ),
            "objective.log_unit_ms": OptionHelp("Unit of latency for mul-log, in ms; all nets must be slower."),
            "objective.multiplier_rate": OptionHelp("Learning rate of a limit's Lagrange multiplier."),
            "objective.damping": OptionHelp("Damping of a limit's Lagrange multiplier."),
            "objective.tightening": OptionHelp(
                "Share of the search over which limits tighten to the requested values, 0 to 1."
            ),
            "objective.samples": OptionHelp("For reinforce: nets sampled per architecture step."),
            "objective.reward_cost": OptionHelp(
                "For reinforce: the cost in the reward.", ("table", "measured", "file-bytes")
            ),
            "objective.file_bytes": OptionHelp(
                "For file-bytes: the file size at which the reward equals the accuracy."
            ),
        },
    ),
    GroupHelp(
        title="Search (from the preset)",
        text="How the supernet's weights and architecture are trained in turn.",
        options={
            "imitation_epochs": OptionHelp(
                "Epochs before the search, in which new layers learn to imitate the old ones."
            ),
            "search.warmup_epochs": OptionHelp("Warm-up epochs, in which only the weights are trained."),
            "search.epochs": OptionHelp("Epochs in which weights and architecture are trained."),
            "search.warmup_paths": OptionHelp(
                "Paths in the warm-up: uniform draws at random, fair trains each candidate equally often.",
                ("uniform", "fair"),
            ),
            "search.arch_interval": OptionHelp("Weight steps per architecture step."),
            "search.gate": OptionHelp(
                "How the architecture's gradient is computed; the last two are baselines.",
                ("exact", "two-path", "darts", "one-shot"),
            ),
            "search.weight_lr": OptionHelp("Initial learning rate of the weights."),
            "search.weight_momentum": OptionHelp("Momentum of SGD."),
            "search.weight_decay": OptionHelp("Weight decay."),
            "search.label_smoothing": OptionHelp("Label smoothing, 0 to 1."),
            "search.alpha_lr": OptionHelp("Learning rate of the architecture."),
            "search.alpha_betas": OptionHelp("Betas of the architecture's Adam."),
            "search.precision": OptionHelp(_PRECISION, _PRECISIONS),
            "search.micro_batches": OptionHelp(_PARTS),
            "judged_nets": OptionHelp(
                "Choose the best of this many random nets, judged with the supernet's weights; 0 takes the most "
                "probable net."
            ),
        },
    ),
    GroupHelp(
        title="Training (from the preset)",
        text="For the net that ships and for those it is compared with.",
        options={
            "train.epochs": OptionHelp("Training epochs."),
            "train.warmup_epochs": OptionHelp("The first of these, in which the learning rate rises."),
            "train.lr": OptionHelp("Peak learning rate."),
            "train.momentum": OptionHelp("Momentum of SGD."),
            "train.weight_decay": OptionHelp("Weight decay."),
            "train.label_smoothing": OptionHelp("Label smoothing, 0 to 1."),
            "train.precision": OptionHelp(_PRECISION, _PRECISIONS),
            "train.micro_batches": OptionHelp(_PARTS),
            "train.ema_decay": OptionHelp("Decay of the weights' moving average, which then ships; 0 for none."),
            "train.dropout": OptionHelp("Dropout before the classifier, 0 to 1."),
            "train.stochastic_depth": OptionHelp("Probability of skipping the last block, 0 to 1."),
            "train.path_dropping": OptionHelp("Probability of dropping an edge of a tree, 0 to 1."),
            "train.mixup": OptionHelp("Alpha of mixup; 0 for none."),
            "train.cutmix": OptionHelp("Alpha of CutMix; 0 for none."),
            "train.sync_batch_norm": OptionHelp("Share BatchNorm statistics among GPUs."),
        },
    ),
    GroupHelp(
        title="Did it pay? (from the preset)",
        text="The net found is compared with others, all trained from scratch.",
        options={
            "compare.nets": OptionHelp("Random nets of the same latency; 0 to compare with nothing."),
            "compare.epochs": OptionHelp("Epochs per training."),
            "compare.seeds": OptionHelp("Trainings per net, each with its own seed."),
            "baselines": OptionHelp(
                "Published nets to measure, and to compare with at the width of the same latency, separated by "
                "commas: mobilenet_v2, mnasnet_a1, mnasnet_b1, resnet18, resnet50, resnext50_32x4d, "
                "shufflenet_v2_x1_0, efficientnet_b0."
            ),
        },
    ),
)
