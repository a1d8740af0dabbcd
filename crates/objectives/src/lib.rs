//! Pretraining objectives: what is hidden, what is predicted, and the losses.
