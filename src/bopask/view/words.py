"""Plain words for the report: how to read each task's drawing, and what each reason for a skip means."""

from __future__ import annotations

from typing import NamedTuple


class Task(NamedTuple):
    title: str
    look: str
    """What a person should see when the answer is right."""


TASKS = {
    "pose": Task(
        "Pose",
        "The eight corners of the object’s cuboid: amber the bottom face, cyan the top, dashed what is hidden. The "
        "ringed corner is 0, front-left; each face goes counter-clockwise seen from above. The box should hug the "
        "object.",
    ),
    "grasp": Task(
        "Grasp",
        "A parallel gripper: green the palm and where the hand comes from, cyan the left finger, amber the right. The "
        "fingers should close on the object and touch nothing else.",
    ),
    "trajectory": Task(
        "Trajectory",
        "The way of an object’s base, in order, from the green ring to the magenta cross. It should start on what is "
        "moved, end over the goal, and go round or over what stands between.",
    ),
    "rearrangement": Task(
        "Rearrangement",
        "Framed green is the object that is wanted and cannot be grasped yet; the numbers are on what has to move "
        "first, in order.",
    ),
    "spatial": Task("Spatial relations", "Objects A, B and C of the question are framed cyan, amber and magenta."),
    "depth": Task("Relative depth", "Object A of the question is framed cyan, object B amber."),
}

REASONS = {
    # reading
    "no_objects": "The frame lists no objects.",
    "gt_missing": "There is no ground truth for these frames.",
    "gt_malformed": "The ground truth of the frame is damaged: something is missing or not valid.",
    "gt_info_malformed": "The visibility information of the frame is damaged.",
    "camera_missing": "The frame has no camera entry.",
    "camera_malformed": "The camera entry of the frame is damaged.",
    "pose_not_finite": "A pose of the frame holds NaN or infinity.",
    "pose_not_rotation": "A pose of the frame is no rigid motion.",
    "unknown_obj_id": "The frame names an object for which there is no model.",
    "image_size_unknown": "Neither an image nor a camera file tells how large the frame is.",
    "near_duplicate": "The frame shows what an earlier one of its layout shows, to the pixels of --thin.",
    "bad_model": "The model of one of the frame’s objects is missing or cannot be used.",
    # naming
    "no_reviewed_name": "The object has no reviewed name, and its looks do not tell it apart.",
    "ambiguous": "No words name this object alone in the image.",
    # where up is
    "no_world": "No source was sure where up is; what needs the support was not asked.",
    # carrying
    "leaned_on": "Another object leans on it or on what is in its way: whether that one must move too is doubtful.",
    "carries_another": "Another object stands on it; it is not moved from under it.",
    "start_in_contact": "It touches something at the start, and no small motion opens that without deepening it.",
    "start_enclosed": "It cannot be lifted out of where it stands.",
    "goal_blocked": "There is no free place over the goal.",
    "no_path": "No collision-free way was found within the planner’s budget of checks.",
    # asking
    "answer_outside_image": "A point of the answer would lie outside the image.",
    "within_margin": "The relation holds by too little, or by only one of two readings: a person could disagree.",
    "told_by_the_words": "The words that tell two look-alikes apart, as leftmost and rightmost, give the answer away.",
    "relation_in_the_phrase": "Told by its landmark (the can behind the bowl), an object makes the relation ambiguous.",
    "undecided_of_three": "None of the three comes before both others by enough, or they lie in no line.",
    "asked_enough": "As many questions of this kind are asked about the image as it has ordered pairs of objects.",
    "max_per_wording": "As many questions in these words are asked about the image as --max-per-wording lets.",
    "max_per_task": "As many questions of this task are asked about the image as --max-per-task lets.",
    "max_per_frame": "As many questions are asked about the image as --max-per-frame lets.",
    "already_there": "The object stands on its target already.",
    "held_far_above": "The path would have to end far above its target, as over something that stands on it.",
    "no_trajectory": "Both objects can be asked about, but there is no path from one to the other (see path).",
    "furniture": "A thing of more than ten litres, as a shelf, is not fetched with one hand.",
    "obstacle_not_visible": "What must move first is hardly visible, so nobody could point at it.",
    "no_free_grasp_blocked": "Neighbours block every grasp (see rearrangement).",
    "no_free_grasp_ungraspable": "The gripper cannot hold this object even with nothing around it.",
    "no_free_grasp_unknown": "Grasps were not computed for this object.",
}


def explain(reason: str) -> str:
    """What a reason means; one that is not known here is read out as it stands."""
    return REASONS.get(reason) or reason.replace("_", " ").strip().capitalize() + "."
