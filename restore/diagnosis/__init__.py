"""Diagnosis: finds out what a picture went through, so that the right thing is restored."""

from restore.diagnosis.compression import Compression, find_earlier_compression, find_lost
from restore.diagnosis.detail import Detail, find_detail
from restore.diagnosis.diagnosis import Diagnosis, diagnose
from restore.diagnosis.findings import Finding
from restore.diagnosis.holes import Hole, measure_hole
from restore.diagnosis.kind import PictureKind, find_kind
from restore.diagnosis.noise import NoiseEstimate, find_noise
