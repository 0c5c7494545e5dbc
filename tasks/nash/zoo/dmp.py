"""Daskalakis, Mehta, Papadimitriou, WINE 2006: 1/2."""

x: P1 = Random()
y: P2 = BestResponse(x)
w: P1 = BestResponse(y)
