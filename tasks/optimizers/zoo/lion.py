"""Lion (Chen et al. 2023, arXiv 2302.06675): the sign of a momentum that looks further back than its update."""

HYPER = {"b1": 0.9, "b2": 0.99}


def init(shape, kind):
    return {"m": zeros(shape)}


def update(w, g, s, t, kind):
    return sign(ema(s["m"], g, b1)), {"m": ema(s["m"], g, b2)}
