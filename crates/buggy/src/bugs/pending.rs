//! Bugs of families that have no cases yet, by name.

/// A bug that waits for its cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its name.
    pub id: &'static str,
    /// What it changes.
    pub text: &'static str,
    /// The cases that it waits for.
    pub waits_for: &'static str,
}

macro_rules! pending {
    ($($waits_for:literal => { $($id:literal $text:literal;)* })*) => {
        /// What cannot be run yet.
        pub const PENDING: &[Pending] =
            &[$($(Pending { id: $id, text: $text, waits_for: $waits_for },)*)*];
    };
}

pending! {
    "objectives" => {
        "mlm_per_seq_mean" "mean per sequence, then over sequences";
        "tied_once" "gradient of a tied embedding from one use only";
        "itm_label_flip" "match label inverted";
        "itm_bce_logit0" "one logit of two used";
        "itm_sum" "summed";
        "clip_temp_not_exp" "logarithm of the scale used as scale";
        "clip_temp_div" "divided by the scale";
        "clip_no_l2norm" "features not normalized";
        "clip_one_dir" "image to text only";
        "clip_same_dir_twice" "one direction twice";
        "clip_sum_dirs" "directions summed";
        "clip_clamp" "scale not held at ln 100";
        "infonce_no_diagonal" "the pair itself missing from the denominator";
        "mim_no_norm" "targets not normalized";
        "mim_unbiased_var" "variance of targets with n - 1";
        "mim_visible" "loss on visible patches";
        "mim_mean_all" "divided by all patches";
        "mim_sum_pixels" "pixels summed";
        "mim_l1" "absolute differences";
        "mim_token_added" "mask token added, not put in place";
        "mlm_replaced_excluded" "replaced words without a loss";
        "nsp_label_order" "labels of next sentences exchanged";
        "itm_diagonal" "negatives from the diagonal";
        "fom_inverse_perm" "target is the inverse permutation";
        "fom_all_positions" "loss over all frames";
        "fom_cls_shift" "labels shifted by the class token";
        "caption_not_shifted" "targets not shifted by one";
        "kd_teacher_grad" "gradient flows into the teacher";
    }
    "low-rank factors" => {
        "lr_transposed" "roles of U and V exchanged";
        "lr_same_sigma" "one s for both layers";
        "lr_shared_grad_once" "gradient of a shared U from one layer only";
    }
    "RWKV" => {
        "wkv_no_bonus" "bonus of the current token missing";
        "wkv_double_exp" "decay exponentiated twice";
        "wkv_decay_after" "decay after adding the token";
    }
    "DropToken" => {
        "drop_token_cls" "the class token is dropped";
    }
    "visits with padding" => {
        "ehr_pad_counted" "the padding code counts";
    }
    "models" => {
        "ehr_add_pos" "order embedding added inside a visit";
        "pos_continue_shared" "second modality reuses the first position table";
        "c2c_sequential" "cross-attention to concatenation, one stream after the other";
        "tri_kv_from_all" "keys and values of all three streams";
        "tri_q_sum" "the third stream leaks into the queries";
        "segment_sep" "segment of stream B for the separator";
        "cls_before_norm" "class token pooled before the final norm";
        "image_norm_twice" "image normalized twice";
        "time_per_patch" "temporal position per patch, not per frame";
        "vocabulary_offset" "offsets of code tables one too high";
        "visit_order" "visits in reverse order";
    }
    "trajectories" => {
        "lr_off1" "steps of the warm-up count from 1";
        "accumulate_mean_twice" "accumulated gradients averaged twice";
        "world_size" "loss scaled by the number of workers";
        "schedule_first" "schedule stepped before the optimizer";
        "shared_updated_twice" "shared layers updated once per use";
        "frozen_updated" "frozen layers updated";
        "teacher_updated" "teacher updated";
        "ema_inverted" "decay 1 - m of the moving average";
        "decay_logit_scale" "weight decay on the logit scale";
    }
}
