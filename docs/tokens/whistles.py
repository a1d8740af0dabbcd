"""Writes whistles.wav: two seconds of a bird that never sang, 16 kHz, 16 bits. Standard library only."""

import math
import random
import struct
import wave

RATE = 16_000
# Start and length in seconds, frequency at the beginning and at the end, loudness, trills per second.
WHISTLES = [
    (0.10, 0.22, 2200, 3800, 0.8, 0),
    (0.40, 0.22, 3800, 2400, 0.8, 0),
    (0.72, 0.35, 3000, 3000, 0.7, 28),
    (1.15, 0.10, 1800, 5200, 0.9, 0),
    (1.30, 0.10, 1800, 5200, 0.9, 0),
    (1.45, 0.10, 1800, 5200, 0.9, 0),
    (1.62, 0.30, 4600, 1500, 0.7, 12),
]

samples = [0.0] * (2 * RATE)
for start, length, low, high, loud, trills in WHISTLES:
    phase = 0.0
    for i in range(int(length * RATE)):
        share = i / (length * RATE)
        frequency = low + (high - low) * share + 350 * math.sin(2 * math.pi * trills * i / RATE) * (trills > 0)
        phase += 2 * math.pi * frequency / RATE
        fade = math.sin(math.pi * share) ** 0.7
        sound = math.sin(phase) + 0.25 * math.sin(2 * phase) + 0.08 * math.sin(3 * phase)
        samples[int(start * RATE) + i] += 0.55 * loud * fade * sound
noise = random.Random(1)
samples = [x + 0.004 * noise.uniform(-1, 1) for x in samples]
with wave.open("whistles.wav", "wb") as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(RATE)
    file.writeframes(b"".join(struct.pack("<h", round(20_000 * max(-1.0, min(1.0, x)))) for x in samples))
