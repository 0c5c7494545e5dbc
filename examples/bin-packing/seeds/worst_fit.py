"""Worst fit: the bin with most room."""


def preference(room, size):
    return room - size


def pack(sizes):
    rooms = []
    answer = []
    for size in sizes:
        open_bins = [number for number, room in enumerate(rooms) if room >= size]
        if open_bins:
            chosen = max(open_bins, key=lambda number: preference(rooms[number], size))
        else:
            chosen = len(rooms)
            rooms.append(100)
        rooms[chosen] -= size
        answer.append(chosen)
    return answer
