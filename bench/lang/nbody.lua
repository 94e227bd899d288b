-- Five bodies that pull each other: floats in lists.
local sqrt = math.sqrt

local function advance(x, y, z, vx, vy, vz, mass, dt, steps)
    for step = 1, steps do
        local i = 1
        while i <= 5 do
            local j = i + 1
            while j <= 5 do
                local dx = x[i] - x[j]
                local dy = y[i] - y[j]
                local dz = z[i] - z[j]
                local squared = dx * dx + dy * dy + dz * dz
                local pull = dt / (squared * sqrt(squared))
                vx[i] = vx[i] - dx * mass[j] * pull
                vy[i] = vy[i] - dy * mass[j] * pull
                vz[i] = vz[i] - dz * mass[j] * pull
                vx[j] = vx[j] + dx * mass[i] * pull
                vy[j] = vy[j] + dy * mass[i] * pull
                vz[j] = vz[j] + dz * mass[i] * pull
                j = j + 1
            end
            i = i + 1
        end
        i = 1
        while i <= 5 do
            x[i] = x[i] + dt * vx[i]
            y[i] = y[i] + dt * vy[i]
            z[i] = z[i] + dt * vz[i]
            i = i + 1
        end
    end
end

local x = { 0.0, 4.841, 8.343, 12.894, 15.379 }
local y = { 0.0, -1.160, 4.124, -15.111, -25.919 }
local z = { 0.0, -0.103, -0.403, -0.223, 0.179 }
local vx = { 0.0, 0.606, -1.010, 1.082, 0.979 }
local vy = { 0.0, 2.812, 1.825, 0.868, 0.594 }
local vz = { 0.0, -0.025, 0.008, -0.010, -0.034 }
local mass = { 39.478, 0.037, 0.011, 0.001, 0.002 }
advance(x, y, z, vx, vy, vz, mass, 0.01, 60000)
print(math.floor(x[2] * 1000.0) .. " " .. math.floor(y[3] * 1000.0) .. " " .. math.floor(z[4] * 1000.0))
