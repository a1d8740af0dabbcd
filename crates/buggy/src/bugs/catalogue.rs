//! The table of bugs.

use super::BugInfo;
use super::BugKind::{Logic, Precision};

macro_rules! bugs {
    ($($families:ident, $kind:expr => { $($variant:ident $id:literal $text:literal;)* })*) => {
        /// A bug of the catalogue.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug { $($(#[doc = $text] $variant,)*)* }

        /// Every bug that can be run.
        pub const CATALOGUE: &[(Bug, BugInfo)] = &[
            $($((Bug::$variant, BugInfo { id: $id, text: $text, kind: $kind, families: $families }),)*)*
        ];
    };
}

const LINEAR: &[&str] = &["linear", "mha", "block", "topology"];
const ATTENTION: &[&str] = &["sdpa", "mha", "block", "topology"];
const SOFTMAX: &[&str] = &["softmax", "sdpa", "mha", "block", "topology"];
const HEADS: &[&str] = &["mha", "block", "topology"];
const NORM: &[&str] = &["norm", "embed", "block", "topology"];
const ACT: &[&str] = &["act", "block", "topology"];
const BLOCK: &[&str] = &["block", "topology"];
const TOPOLOGY: &[&str] = &["topology", "block"];
const EMBED: &[&str] = &["embed"];
const PATCH: &[&str] = &["patch"];
const ROI: &[&str] = &["roi"];
const LOSS: &[&str] = &["loss"];
const POOL: &[&str] = &["pool"];
const CONV: &[&str] = &["conv"];
const MEANS: &[&str] = &["conv", "pool"];
const DROP: &[&str] = &["drop"];
const OPTIM: &[&str] = &["optim"];
const PRODUCTS: &[&str] = &["linear", "sdpa", "mha", "patch", "conv", "pool", "block", "topology"];
const FUNCTIONS: &[&str] = &["act", "softmax", "sdpa", "mha", "loss", "block", "topology"];

bugs! {
    LINEAR, Logic => {
        WTransposed "w_transposed" "a square weight used as [out, in]";
        BiasTwice "bias_twice" "bias added twice";
        BwdBiasMean "bwd_bias_mean" "gradient of the bias averaged over rows, not summed";
        BwdWTransposed "bwd_w_transposed" "gradient of a square weight transposed";
    }
    ATTENTION, Logic => {
        NoScale "no_scale" "1/sqrt(d_head) missing";
        ScaleFullD "scale_full_d" "square root of the full width in place of the head width";
        ScaleD "scale_d" "scores divided by d_head, not by its root";
        DoubleScale "double_scale" "scale applied to q and again to the scores";
        QkSwapped "qk_swapped" "K Q' in place of Q K', where both are square";
        BwdNoScale "bwd_no_scale" "gradients of q and k without the scale";
        BwdDkNoScale "bwd_dk_no_scale" "gradient of k without the scale";
        BwdDvReversed "bwd_dv_from_do_T" "gradient of v from the output gradient with rows reversed";
        BwdLastKeyTile "bwd_last_key_tile" "the last tile of keys, where it is not full, has no gradient";
        BwdDqOverwrite "bwd_dq_overwrite" "gradient of q keeps the last tile of keys only";
        KvExchanged "kv_exchanged" "keys and values exchanged inside one attention";
        BwdMaskForgotten "bwd_mask_forgotten" "backward computes the probabilities again, without the mask";
        BwdMaskForgottenLse "bwd_mask_forgotten_lse" "backward computes the probabilities again from the stored log-sum-exp, without the mask";
        OnlineAccumulator "online_accumulator" "online softmax: the accumulator is not rescaled when the maximum grows, the sum is";
        OnlineNothing "online_nothing" "online softmax: neither the accumulator nor the sum is rescaled when the maximum grows";
    }
    SOFTMAX, Logic => {
        SoftmaxAxis "softmax_axis" "softmax over the queries";
        SoftmaxGlobal "softmax_global" "softmax over the whole matrix of scores";
        SoftmaxNoMax "softmax_no_max" "exponentials without the maximum taken out: overflow";
        OnlineSum "online_sum" "online softmax: the sum is not rescaled when the maximum grows";
        BwdSoftmaxNoCenter "bwd_softmax_no_center" "gradient of softmax without the sum over the row";
        BwdSoftmaxCenterUnweighted "bwd_softmax_center_unweighted" "gradient of softmax with a plain mean over the row";
        MaskIgnored "mask_ignored" "mask of keys not applied";
        MaskInverted "mask_inverted" "keep and drop exchanged";
        MaskMultZero "mask_mult_zero" "scores multiplied by the mask before the softmax";
        MaskAfterSoftmax "mask_after_softmax" "mask multiplies probabilities, rows not made one again";
        MaskNeg10 "mask_neg10" "-10 added in place of minus infinity";
        Mask1e4 "mask_1e4" "-1e4 added in place of minus infinity";
        MaskFinMin "mask_finmin" "a huge negative number: rows without keys become uniform";
        DeadNan "dead_nan" "rows without keys give NaN";
        PadOff1 "pad_off1" "mask of keys shifted by one";
    }
    ATTENTION, Logic => {
        CausalStrict "causal_strict" "the diagonal is hidden too";
        CausalPlus1 "causal_plus1" "one future key is visible";
        CausalTopLeft "causal_topleft" "the offset of the causal mask ignored";
        CausalUpper "causal_upper" "the upper triangle is kept, not the lower";
    }
    HEADS, Logic => {
        HeadsNotTransposed "heads_not_transposed" "heads merged without moving their axis back";
        HeadsInterleaved "heads_interleaved" "the head index is the fastest along the width";
        NoOutputProjection "no_output_projection" "the projection after the heads is forgotten";
        MaskOnQueries "mask_on_queries" "the mask of keys hides queries";
        BwdSelfOverwrite "bwd_self_overwrite" "gradient of self-attention through the values only: those through queries and keys are overwritten";
    }
    NORM, Logic => {
        LnUnbiased "ln_unbiased" "variance divided by d - 1";
        LnEpsOutside "ln_eps_outside" "eps added outside the root";
        LnEpsMissing "ln_eps_missing" "no eps";
        LnEps12 "ln_eps12" "eps of 1e-12";
        LnEps6 "ln_eps6" "eps of 1e-6";
        LnNoCenter "ln_no_center" "mean not taken out: RMS norm";
        LnNoBias "ln_no_bias" "beta forgotten";
        LnPlus1 "ln_plus1" "scaled by 1 + gamma";
        BwdLnNoMean "bwd_ln_no_mean" "gradient without the mean";
        BwdLnNoVar "bwd_ln_no_var" "gradient without the projection on the normalized row";
        BwdLnNoGamma "bwd_ln_no_gamma" "gradient ignores gamma";
        BwdLnDgammaUsesY "bwd_ln_dgamma_uses_y" "gradient of gamma from gamma x^, not from x^";
        BwdLnDgammaNoRstd "bwd_ln_dgamma_no_rstd" "gradient of gamma from x - mean, not from x^: 1/sigma missing";
        BwdLnNoRstd "bwd_ln_no_rstd" "gradient of the input without 1/sigma";
        BwdLnWgradMean "bwd_ln_wgrad_mean" "gradients of gamma and beta averaged over rows";
        BwdLnWgrad2d "bwd_ln_wgrad_2d" "gradients of gamma and beta from the first sample only";
        BwdL2NoProjection "bwd_l2_no_projection" "gradient of a direction with its part along the direction";
    }
    ACT, Logic => {
        GeluTanh "gelu_tanh" "the tanh form of GELU";
        GeluQuick "gelu_quick" "x sigmoid(1.702 x) for GELU";
        ReluForGelu "relu_for_gelu" "ReLU for GELU";
        BwdReluAtZero "bwd_relu_at_zero" "gradient of 1 where ReLU is at zero";
        BwdGeluOther "bwd_gelu_other" "gradient of the other GELU: of the tanh form for the exact one, and the other way round";
        BwdGeluNoDensity "bwd_gelu_no_density" "gradient of GELU without x times the density";
    }
    BLOCK, Logic => {
        NoResidual1 "no_residual1" "no shortcut around the attention";
        NoResidual2 "no_residual2" "no shortcut around the network";
        ResidualFromNormed "residual_from_normed" "the shortcut starts behind the norm";
        SwapNorm "swap_norm" "norms before and after the sums exchanged";
        CrossResidualOther "cross_residual_other" "shortcut of cross-attention from the other stream";
        CausalOnCross "causal_on_cross" "causal mask on cross-attention";
        BwdNoResidual "bwd_no_residual" "gradient does not flow through the shortcuts";
        NoFinalNorm "no_final_norm" "the norm after the last block is missing";
        SharedAsCopy "shared_as_copy" "layers that share parameters are copies: the last one's gradient only";
    }
    POOL, Logic => {
        ClsLast "cls_last" "the class token comes last";
        PosSkipCls "pos_skip_cls" "the class token has no position, the others are shifted by one";
    }
    EMBED, Logic => {
        TypeMissing "type_missing" "segment embedding not added";
        TypeSwapped "type_swapped" "segments exchanged";
        SinExpI "sin_exp_i" "exponent i/d of the sinusoid, not 2i/d";
        SinCosSwapped "sin_cos_swapped" "sine and cosine exchanged";
        SinConcatLayout "sin_concat_layout" "halves of sines and cosines, not side by side";
        SinPos1Based "sin_pos_1based" "positions start at 1";
        SinEmbedScale "sin_embed_scale" "embedding multiplied by sqrt(d)";
        EhrMeanCodes "ehr_mean_codes" "codes of a visit averaged, not summed";
        BwdLookupOverwrite "bwd_lookup_overwrite" "a row that is looked up twice has the gradient of the last time";
        PadRowGradient "pad_row_gradient" "the row of the padding id gets a gradient";
        PositionBeyond "position_beyond" "positions after the sequence get a gradient";
    }
    PATCH, Logic => {
        PatchColMajor "patch_colmajor" "patches numbered by columns";
        PatchHwc "patch_hwc" "numbers of a patch in the other order of channels and pixels";
        PatchNoBias "patch_no_bias" "bias of patches forgotten";
        TubeletOrder "tubelet_order" "tubelets run through space first";
        TubeletTimeInChannel "tubelet_time_in_channel" "time and channel exchanged inside a tubelet";
    }
    ROI, Logic => {
        RoiNoHalf "roi_no_half" "no half-pixel offset";
        RoiForce1x1 "roi_force_1x1" "boxes at least one cell wide";
        RoiRound "roi_round" "coordinates rounded";
        RoiSr1 "roi_sr1" "one sample per bin";
        RoiSum "roi_sum" "samples summed, not averaged";
        RoiXySwapped "roi_xy_swapped" "weights of x and y exchanged";
        RoiYx "roi_yx" "corners read as y, x, y, x";
        RegionNoGeometry "region_no_geometry" "the place of a region not added";
        BoxPixels "box_pixels" "places in pixels, not as shares of the image";
    }
    TOPOLOGY, Logic => {
        SumUnweighted "sum_unweighted" "early summation without weights";
        SumMean3 "sum_mean3" "early summation divided by 3";
        ConcatOrder "concat_order" "streams joined in the other order";
        ConcatMaskOrder "concat_mask_order" "tokens and masks joined in different orders";
        H12Shared "h12_shared" "both streams use the parameters of the first";
        H12NoMaskJoint "h12_no_mask_joint" "the joint layer sees padding";
        H21SplitOff1 "h21_split_off1" "streams parted one token late";
        H21SkipSelf "h21_skip_self" "no layers of each stream after the split";
        CrossKvSelf "cross_kv_self" "keys and values not exchanged";
        CrossParamsSwapped "cross_params_swapped" "parameters of the streams exchanged";
        CrossSequential "cross_sequential" "the second stream sees the new first stream";
        CrossMaskNone "cross_mask_none" "padding of the other stream is attended to";
        C2cSwapQ "c2c_swap_q" "both streams use the parameters of the first";
        TriQOrder "tri_q_order" "the other two streams in the other order";
        TriKvSelf "tri_kv_self" "keys and values of the stream itself";
        MbtSum "mbt_sum" "bottleneck tokens summed, not averaged";
        MbtFirst "mbt_first" "bottleneck tokens of the first stream only";
        MbtSequential "mbt_sequential" "the second stream reads the new bottleneck tokens";
        MbtReset "mbt_reset" "bottleneck tokens start again in every layer";
    }
    LOSS, Logic => {
        MlmAllTokensMean "mlm_all_tokens_mean" "divided by all rows, not by those that count";
        MlmIgnoreAsClass0 "mlm_ignore_as_class0" "rows without a label scored as class 0";
        MlmSum "mlm_sum" "summed";
        MlmLog2 "mlm_log2" "bits, not nats";
        LabelSmooth "label_smooth" "label smoothing of 0.1 left on";
        BwdCeSum "bwd_ce_sum" "gradient of cross entropy not divided by what counts";
        BwdCeIgnored "bwd_ce_ignored" "rows without a label have a gradient";
        KdNoT2 "kd_no_T2" "factor T^2 missing";
        KdT1 "kd_T1" "T in place of T^2";
        KdSwapKl "kd_swap_kl" "arguments of the divergence exchanged";
        KdMeanElements "kd_mean_elements" "mean over the classes too";
        KdTeacherNoT "kd_teacher_no_T" "teacher not softened";
    }
    DROP, Logic => {
        DropNoRescale "drop_no_rescale" "kept numbers not divided by 1 - p";
        DropRescaleP "drop_rescale_p" "kept numbers divided by p";
        DropInvertedMask "drop_inverted_mask" "drop and keep exchanged";
        BwdDropNoRescale "bwd_drop_no_rescale" "gradient of kept numbers not divided by 1 - p";
    }
    CONV, Logic => {
        BwdConvFlipped "bwd_conv_flipped" "gradient of the input with the kernel mirrored";
    }
    MEANS, Logic => {
        BwdAvgPoolSum "bwd_avg_pool_sum" "gradient of a mean over windows not divided by their size";
    }
    OPTIM, Logic => {
        AdamL2 "adam_l2" "decay added to the gradient";
        AdamWdAll "adam_wd_all" "decay on vectors too";
        AdamNoBc "adam_no_bc" "no bias correction";
        AdamT0 "adam_t0" "step counter one too low";
        AdamEpsInside "adam_eps_inside" "eps inside the root";
        AdamEpsHat "adam_eps_hat" "eps before the bias correction of the root";
        AdamDecayAfter "adam_decay_after" "decay of the updated value";
        NoClip "no_clip" "gradient not shortened";
        ClipAlways "clip_always" "gradients that are short enough are lengthened";
        ClipPerTensor "clip_per_tensor" "norm of each array, not of all";
        SgdDampened "sgd_dampened" "momentum dampens the new gradient";
    }
    PRODUCTS, Precision("f32") => {
        PTf32 "p_tf32" "factors of products with 11 bits";
        PBf16Operands "p_bf16_operands" "factors of products with 8 bits";
        P16BitOperands "p_16bit_operands" "factors of products with 16 bits";
        PF16Accum "p_f16_accum" "sums of products kept in f16, four terms at a time";
    }
    FUNCTIONS, Precision("f32") => {
        PFastExp11 "p_fast_exp11" "exponentials and error functions with 11 bits";
        PFastExp16 "p_fast_exp16" "exponentials and error functions with 16 bits";
        PNoMax "p_no_max" "softmax without the maximum taken out";
        PMask1e4 "p_mask_1e4" "-1e4 for minus infinity";
    }
    NORM, Precision("f32") => {
        LnVarOnepass "ln_var_onepass" "E[x^2] - mean^2 in place of the centered variance";
        POnepassVar "p_onepass_var" "E[x^2] - mean^2 in place of the centered variance";
    }
    OPTIM, Precision("f32") => {
        PMasters "p_masters" "moments and weights kept in bf16";
    }
    PRODUCTS, Precision("bf16") => {
        PBf16Accum "p_bf16_accum" "sums of products kept in bf16";
        PBf16Accum16 "p_bf16_accum16" "sums of products kept in bf16, sixteen terms at a time";
        PTrunc "p_trunc" "numbers cut to bf16, not rounded";
    }
    PRODUCTS, Precision("f16") => {
        PF16AccumH "p_f16_accum_h" "sums of products kept in f16";
    }
    NORM, Precision("bf16") => {
        PLnStatsBf16 "p_ln_stats_bf16" "means and deviations kept in bf16";
    }
    LOSS, Precision("bf16") => {
        PLossHalf "p_loss_half" "logarithms and losses in bf16";
    }
}
