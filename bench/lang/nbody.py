# Five bodies that pull each other: floats in lists.
from math import floor, sqrt


def advance(x, y, z, vx, vy, vz, mass, dt, steps):
    for _ in range(steps):
        i = 0
        while i < 5:
            j = i + 1
            while j < 5:
                dx = x[i] - x[j]
                dy = y[i] - y[j]
                dz = z[i] - z[j]
                squared = dx * dx + dy * dy + dz * dz
                pull = dt / (squared * sqrt(squared))
                vx[i] -= dx * mass[j] * pull
                vy[i] -= dy * mass[j] * pull
                vz[i] -= dz * mass[j] * pull
                vx[j] += dx * mass[i] * pull
                vy[j] += dy * mass[i] * pull
                vz[j] += dz * mass[i] * pull
                j += 1
            i += 1
        i = 0
        while i < 5:
            x[i] += dt * vx[i]
            y[i] += dt * vy[i]
            z[i] += dt * vz[i]
            i += 1


x = [0.0, 4.841, 8.343, 12.894, 15.379]
y = [0.0, -1.160, 4.124, -15.111, -25.919]
z = [0.0, -0.103, -0.403, -0.223, 0.179]
vx = [0.0, 0.606, -1.010, 1.082, 0.979]
vy = [0.0, 2.812, 1.825, 0.868, 0.594]
vz = [0.0, -0.025, 0.008, -0.010, -0.034]
mass = [39.478, 0.037, 0.011, 0.001, 0.002]
advance(x, y, z, vx, vy, vz, mass, 0.01, 60000)
print(floor(x[1] * 1000.0), floor(y[2] * 1000.0), floor(z[3] * 1000.0))
