"""A shop chain that never was, with known truth.

    spec -> world (items, stores, calendar, weather, prices, promotions, terms)
              -> store by store: expected demand -> demand -> stock run -> sales, availability, orders
              -> files a retailer would have, and the truth beside them

Everything random is either drawn once from a seeded generator (the world) or is a function of (seed, series, day)
(`draws`), so a shop is the same whatever order its stores are generated in, and the same customers come when a price
is changed.
"""

from __future__ import annotations
