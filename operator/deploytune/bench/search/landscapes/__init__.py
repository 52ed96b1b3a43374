"""Random deployment landscapes: seeded problems in named classes.

A landscape is drawn in this order, all by chance named after its class and seed:

1. a space (`spaces`): family, backend, precision, then batch, instances, threads, delay and what
   only some backends have; or twelve choices; or numbers alone;
2. surfaces (`surfaces`): log latency, log memory, quality, log throughput and log cost, each a sum
   of effects of single values, pairs of values and numbers; larger families are slower, need more
   memory and are more accurate;
3. failures (`failures`): what crashes, by the rule of the class, up to the drawn share;
4. limits (`limits`): quantiles of the metrics of what runs, so that the drawn share is feasible;
5. the answer (`answers`): the best truly feasible configuration, found by sampling and climbing.

A draw whose answer is no contest (too few families feasible, or two as good as each other) is
thrown away and drawn again.
"""
