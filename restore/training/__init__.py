"""Training: photographs, losses and the loop that make a bidirectional consistency model.

A batch is shared out among loss terms; the weights that are kept are their moving average.
"""

from restore.training.leaves import dead_leaves
from restore.training.losses import LOSSES, NoisyBatch, cycle, earlier, pseudo_huber, semigroup
from restore.training.optimizers import Muon, orthogonal
from restore.training.photographs import Photographs
from restore.training.recipe import Recipe, draw_levels, scale_to_batch
from restore.training.recording import Recording
from restore.training.samples import Samples
from restore.training.state import read_state, write_state
from restore.training.trainer import Chunk, Clock, Trainer, denoising_psnr
from restore.training.workers import Workers
