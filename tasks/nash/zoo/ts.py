"""Tsaknakis, Spirakis, WINE 2007: 0.339332..."""

x, y, w, z = StationaryPoint()
