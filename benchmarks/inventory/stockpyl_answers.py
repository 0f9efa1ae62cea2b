"""Answers and seconds of stockpyl for cases read from standard input; runs in stockpyl's own environment (NumPy below 2).

Input: a JSON list of {"family", "inputs"}. Output: a JSON object {"versions", "answers": [{"answer", "seconds", "cpu_seconds"}]}.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
import warnings

import numpy as np
import scipy
from scipy import stats
from stockpyl import eoq, newsvendor, rq, sim, ss, ssm_serial, wagner_whitin
from stockpyl.supply_chain_network import single_stage_system

warnings.filterwarnings("ignore")


def pmf_of(inputs):
    given = inputs["demand_pmf"]
    return {int(k): v for k, v in given.items()} if isinstance(given, dict) else dict(enumerate(given))


def continuous(i):
    frozen = {
        "lognormal": lambda: stats.lognorm(i["sigma"], 0, np.exp(i["mu"])),
        "gamma": lambda: stats.gamma(i["shape"], scale=i["scale"]),
        "uniform": lambda: stats.uniform(i["low"], i["high"] - i["low"]),
        "exponential": lambda: stats.expon(scale=i["mean"]),
    }[i["distribution"]]()
    return newsvendor.newsvendor_continuous(i["holding_cost"], i["stockout_cost"], frozen)


def ss_pmf(i):
    table = pmf_of(i)
    top = max(table)
    # Padded with zeros: the list form fails with an index error when S - s exceeds its length.
    padded = [table.get(d, 0.0) for d in range(top + 400)]
    return ss.s_s_discrete_exact(
        i["holding_cost"], i["stockout_cost"], i["fixed_cost"], False, None, len(padded) - 1, padded
    )


def serial(i):
    nodes = len(i["lead_time"])
    with contextlib.redirect_stdout(io.StringIO()):
        return ssm_serial.optimize_base_stock_levels(
            num_nodes=nodes,
            echelon_holding_cost={n + 1: v for n, v in enumerate(i["echelon_holding_cost"])},
            lead_time={n + 1: v for n, v in enumerate(i["lead_time"])},
            stockout_cost=i["stockout_cost"],
            demand_mean=i["demand_mean"],
            demand_standard_deviation=i["demand_sd"],
        )


def simulated(i):
    policy = {"policy_type": "BS", "base_stock_level": i["order_up_to_level"]}
    if i.get("reorder_point") is not None:
        policy = {
            "policy_type": "sS",
            "reorder_point": i["reorder_point"],
            "order_up_to_level": i["order_up_to_level"],
        }
    network = single_stage_system(
        holding_cost=i["holding_cost"],
        stockout_cost=i["stockout_cost"],
        shipment_lead_time=i["lead_time_days"],
        demand_type="D",
        demand_list=list(i["demand"]),
        initial_inventory_level=i["initial_on_hand"],
        **policy,
    )
    total = sim.simulation(network, len(i["demand"]), rand_seed=1, progress_bar=False)
    node = network.nodes[0]
    level = sum(node.state_vars[len(i["demand"]) - 1].inventory_level.values())
    return float(total), float(level)


CALLS = {
    "newsvendor_normal": lambda i: newsvendor.newsvendor_normal(
        i["holding_cost"], i["stockout_cost"], i["demand_mean"], i["demand_sd"], i.get("lead_time", 0)
    ),
    "newsvendor_poisson": lambda i: newsvendor.newsvendor_poisson(
        i["holding_cost"], i["stockout_cost"], i["demand_mean"]
    ),
    "newsvendor_discrete": lambda i: newsvendor.newsvendor_discrete(
        i["holding_cost"], i["stockout_cost"], demand_pmf=pmf_of(i)
    ),
    "newsvendor_continuous": continuous,
    "newsvendor_normal_explicit": lambda i: newsvendor.newsvendor_normal_explicit(**i),
    "newsvendor_poisson_explicit": lambda i: newsvendor.newsvendor_poisson_explicit(**i),
    "eoq": lambda i: eoq.economic_order_quantity(**i),
    "eoq_backorders": lambda i: eoq.economic_order_quantity_with_backorders(**i),
    "eoq_all_units_discount": lambda i: eoq.economic_order_quantity_with_all_units_discounts(**i),
    "eoq_incremental_discount": lambda i: eoq.economic_order_quantity_with_incremental_discounts(**i),
    "economic_production_quantity": lambda i: eoq.economic_production_quantity(**i),
    "rq_reorder_point_for_q": lambda i: (rq.r_q_optimal_r_for_q(**i, tol=1e-10),),
    "rq_loss_approx": lambda i: rq.r_q_loss_function_approximation(**i),
    "rq_poisson_exact": lambda i: rq.r_q_poisson_exact(**i),
    "ss_poisson_exact": lambda i: ss.s_s_discrete_exact(
        i["holding_cost"], i["stockout_cost"], i["fixed_cost"], True, i["demand_mean"]
    ),
    "ss_pmf_exact": ss_pmf,
    "ss_power_approx": lambda i: ss.s_s_power_approximation(**i),
    "wagner_whitin": lambda i: (
        wagner_whitin.wagner_whitin(
            len(i["demand"]), i["holding_cost"], i["fixed_cost"], i["demand"], i.get("purchase_cost", 0)
        )[1],
    ),
    "serial_echelon_base_stock": lambda i: (
        lambda levels, cost: ({str(node): float(level) for node, level in levels.items()}, float(cost))
    )(*serial(i)),
    "sim_policy": simulated,
}


def plain(value):
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    return float(value)


def main() -> None:
    out = []
    for case in json.load(sys.stdin):
        began, processor = time.perf_counter(), time.process_time()
        try:
            values = [plain(value) for value in CALLS[case["family"]](case["inputs"])]
        except Exception as error:
            values = f"{type(error).__name__}: {error}"
        seconds, cpu = time.perf_counter() - began, time.process_time() - processor
        out.append({"answer": values, "seconds": seconds, "cpu_seconds": cpu})
    from importlib.metadata import version

    versions = {"stockpyl": version("stockpyl"), "numpy": np.__version__, "scipy": scipy.__version__}
    json.dump({"versions": versions, "answers": out}, sys.stdout)


if __name__ == "__main__":
    main()
