"""Kontogiannis, Panagopoulou, Spirakis, WINE 2006: 3/4. The best profile of each player, mixed half and half."""

x1, y1 = MaxPayoff(U1)
x2, y2 = MaxPayoff(U2)
x: P1 = Mix(x1, x2, 1/2)
y: P2 = Mix(y1, y2, 1/2)
