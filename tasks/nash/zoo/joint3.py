"""Three players: ours. A joint stationary point, and every player's best response to the others' dual strategies."""

x, y, z, u, v, w = JointStationaryPoint()
a: P1 = BestResponse(v, w)
b: P2 = BestResponse(u, w)
c: P3 = BestResponse(u, v)
