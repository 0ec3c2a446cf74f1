"""What the options of presets are, for the help of the flags that set them. Imports nothing heavy, for `--help`."""

from collections.abc import Mapping

from attrs import field, frozen

_PRECISIONS = ("auto", "float32", "bfloat16", "float16")
_PRECISION = "Of the forward passes; auto is what the device is fast with."
_PARTS = "Parts that each batch is cut into, for less memory."
_SHARE = "a share, 0 to 1"


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
        title="Space, of the preset",
        text="The nets that are searched among.",
        options={
            "space": OptionHelp("{spaces}; or a file that ends in .json or .toml."),
            "blocks_per_stage": OptionHelp("Blocks of each stage, 1 to 100."),
            "width_mult": OptionHelp("Times the channels that the space has, 0.01 to 16."),
            "resolution": OptionHelp("Side of the images in pixels."),
        },
    ),
    GroupHelp(
        title="Images, of the preset",
        text="Which of them are learnt from, and how they are changed before.",
        options={
            "batch_size": OptionHelp("Images of a step, of all processes together."),
            "search_share": OptionHelp(f"Of the training images, those that the search sees: {_SHARE}."),
            "validation_share": OptionHelp(f"Of these, what the architecture learns on, not the weights: {_SHARE}."),
            "validation_size": OptionHelp(
                "Of these, what the architecture learns on, not the weights: a share below 1, a number of photos above."
            ),
            "test_share": OptionHelp(f"Of a folder without val and test, what judges the nets: {_SHARE}."),
            "max_corrupt_share": OptionHelp(f"Of all images, how many may be unreadable: {_SHARE}."),
            "augmentation.crop_padding": OptionHelp("Pixels that an image is shifted by at most."),
            "augmentation.horizontal_flip": OptionHelp("Whether half of the images are mirrored."),
            "augmentation.cutout": OptionHelp("Side in pixels of the square that is blanked; 0 for none."),
            "augmentation.min_scale": OptionHelp("Least share of a photo's area that is cut out."),
            "augmentation.color_jitter": OptionHelp("How much colours change.", ("none", "normal", "strong")),
            "augmentation.rand_augment": OptionHelp("Magnitude of RandAugment, 1 to 30; 0 for none."),
        },
    ),
    GroupHelp(
        title="Objective, of the preset",
        text="How costs enter the search.",
        options={
            "objective.form": OptionHelp(
                "constrained lands on the target latency; the others weigh it, without such a target it does too.",
                ("constrained", "linear", "absolute", "mul-log", "reinforce"),
            ),
            "objective.weight": OptionHelp(
                "What twice the latency of the target, or of the average net, adds to the loss: of linear, absolute, "
                "and of constrained without a target."
            ),
            "objective.log_unit_ms": OptionHelp("Of mul-log, in ms: nets must be slower."),
            "objective.multiplier_rate": OptionHelp("How fast the multiplier of a limit rises."),
            "objective.damping": OptionHelp("Of the multiplier of a limit."),
            "objective.tightening": OptionHelp(f"Of the search, in which limits fall to what is asked for: {_SHARE}."),
            "objective.samples": OptionHelp("Of reinforce: nets of an architecture step."),
            "objective.reward_cost": OptionHelp("Of reinforce: what a net costs.", ("table", "measured", "file-bytes")),
            "objective.file_bytes": OptionHelp("Of file-bytes: the size that leaves the accuracy as it is."),
        },
    ),
    GroupHelp(
        title="Search, of the preset",
        text="How the weights of the supernet and its architecture learn in turn.",
        options={
            "imitation_epochs": OptionHelp("Passes in which new layers learn to give what the old ones do, before."),
            "search.warmup_epochs": OptionHelp("Passes in which the weights learn alone, before."),
            "search.epochs": OptionHelp("Passes in which both learn."),
            "search.warmup_paths": OptionHelp(
                "Of the warm-up: at random, or each candidate as often.", ("uniform", "fair")
            ),
            "search.arch_interval": OptionHelp("Weight steps for each architecture step."),
            "search.gate": OptionHelp(
                "Which gradient the architecture has; the last two are baselines.",
                ("exact", "two-path", "darts", "one-shot"),
            ),
            "search.weight_lr": OptionHelp("Learning rate of the weights, at first."),
            "search.weight_momentum": OptionHelp("Of SGD."),
            "search.weight_decay": OptionHelp("Of the weights."),
            "search.label_smoothing": OptionHelp(f"Of the cross entropy: {_SHARE}."),
            "search.alpha_lr": OptionHelp("Learning rate of the architecture."),
            "search.alpha_betas": OptionHelp("Of its Adam."),
            "search.precision": OptionHelp(_PRECISION, _PRECISIONS),
            "search.micro_batches": OptionHelp(_PARTS),
            "judged_nets": OptionHelp(
                "Random nets that the weights judge, by which the best one is chosen; 0 to take the most probable."
            ),
        },
    ),
    GroupHelp(
        title="Training, of the preset",
        text="Of the net that was found, to ship, and of those that it is compared with.",
        options={
            "train.epochs": OptionHelp("Passes over the training images."),
            "train.warmup_epochs": OptionHelp("The first of them, in which the learning rate rises."),
            "train.lr": OptionHelp("The highest learning rate."),
            "train.momentum": OptionHelp("Of SGD."),
            "train.weight_decay": OptionHelp("Of the weights."),
            "train.label_smoothing": OptionHelp(f"Of the cross entropy: {_SHARE}."),
            "train.precision": OptionHelp(_PRECISION, _PRECISIONS),
            "train.micro_batches": OptionHelp(_PARTS),
            "train.ema_decay": OptionHelp("Of the average of the weights, which ships then; 0 for none."),
            "train.dropout": OptionHelp(f"Of the features before the classifier: {_SHARE}."),
            "train.stochastic_depth": OptionHelp(f"Of the images, for which the last block is left out: {_SHARE}."),
            "train.path_dropping": OptionHelp(f"Of the images, for which an edge of a tree is left out: {_SHARE}."),
            "train.mixup": OptionHelp("Alpha of mixup; 0 for none."),
            "train.cutmix": OptionHelp("Alpha of CutMix; 0 for none."),
            "train.sync_batch_norm": OptionHelp("Whether several GPUs take statistics over their joined batch."),
        },
    ),
    GroupHelp(
        title="Did it pay? Of the preset",
        text="The net that was found is compared with others, all trained anew.",
        options={
            "compare.nets": OptionHelp("Random nets of the same latency; 0 to compare with nothing."),
            "compare.epochs": OptionHelp("Passes of each training."),
            "compare.seeds": OptionHelp("Trainings of each net."),
            "baselines": OptionHelp(
                "Nets of others to measure, and to compare with in the width that is as fast, with commas between: "
                "mobilenet_v2, mnasnet_a1, mnasnet_b1, resnet18, resnet50, resnext50_32x4d, shufflenet_v2_x1_0, "
                "efficientnet_b0."
            ),
        },
    ),
)
