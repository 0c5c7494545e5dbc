"""Take the most valuable items first."""


def priority(value, weight):
    return value


def choose(values, weights, capacity):
    order = sorted(range(len(values)), key=lambda item: priority(values[item], weights[item]), reverse=True)
    chosen = []
    room = capacity
    for item in order:
        if weights[item] <= room:
            chosen.append(item)
            room -= weights[item]
    return chosen
