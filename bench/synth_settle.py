"""Do synthetic layouts come to rest, and how deep are things in one another? Every sampled layout counts, good or not.

    python bench/synth_settle.py [--layouts 40] [--kinds table shelf bin stack] [--objects 4:15] [--seed 0]

A row an arrangement: share at rest (< 1 mm and 0.5 degrees in the last second) of those let go; accepted share of all
draws; reasons; drift (mm) and penetration (mm) of those let go, median / 95 % / largest; CPU seconds a layout, of
placing and of settling; share of layouts in which something stands on something other than furniture.
"""

from __future__ import annotations

import argparse
from collections import Counter
from time import process_time

import numpy as np

from bopask.rng import rng_for
from bopask.synth.arrange import ARRANGEMENTS, DRIFT, TURN, Outcome, Refused, arrange, settled
from bopask.synth.kinds import FURNITURE, household


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layouts", type=int, default=40)
    parser.add_argument("--kinds", nargs="+", default=list(ARRANGEMENTS))
    parser.add_argument("--objects", default="4:15")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    few, many = map(int, args.objects.split(":"))
    here = household(args.seed)
    furniture = {shape.about.category: i for i, shape in here.items() if shape.about.category in FURNITURE}
    made = [i for i in here if i not in furniture.values()]
    for kind in args.kinds:
        outcomes, reasons, placing, settling = list[Outcome](), Counter[str](), 0.0, 0.0
        for k in range(args.layouts):
            rng = rng_for(args.seed, "bench", (kind, k))
            ids = rng.choice(made, rng.integers(few, many + 1))
            start = process_time()
            try:
                setting = arrange(kind, here, ids, furniture=furniture.get(kind), clutter=rng.uniform(), rng=rng)
                placing += process_time() - start
                start = process_time()
                outcomes.append(settled(setting, here))
                settling += process_time() - start
                reasons[outcomes[-1].reason] += 1
            except Refused as refused:
                placing += process_time() - start
                reasons[refused.reason] += 1
        tell(kind, outcomes, reasons, placing, settling)


def tell(kind: str, outcomes: list[Outcome], reasons: Counter[str], placing: float, settling: float) -> None:
    rest = np.array([o.rest.drift <= DRIFT and o.rest.turn <= TURN for o in outcomes])
    carried = np.array([o.rest.stands_on[:, int(o.setting.furniture) :].any() for o in outcomes])
    drift = [1e3 * o.rest.drift for o in outcomes]
    depth = [1e3 * o.penetration for o in outcomes]
    n = sum(reasons.values())
    print(
        f"{kind}: {n} draws, {len(outcomes)} let go, at rest {rest.mean():.1%}, accepted {reasons.pop('', 0) / n:.1%}"
    )
    print(f"  reasons {dict(reasons)}; something on something {carried.mean():.0%}")
    for name, values in (("drift mm", drift), ("penetration mm", depth)):
        print(f"  {name} " + " / ".join(f"{v:.3f}" for v in (*np.percentile(values, [50, 95]), max(values))))
    seconds = np.array([o.rest.seconds for o in outcomes])
    print(
        f"  CPU s: placing {placing / n:.2f}, settling {settling / len(outcomes):.2f}; simulated s {seconds.mean():.1f}"
    )


if __name__ == "__main__":
    main()
