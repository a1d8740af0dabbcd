//! Section 3 of the note: how modalities meet.

use crate::{checks, equations};

equations! { "3",
    attention_with_sums = "eq-3-attn": mmt_fusion::attention_with_sums => checks::attention_with_sums;
    concat = "eq-3-concat-split": mmt_fusion::concat => checks::concat;
    early_sum = "eq-3-early-sum": mmt_fusion::EarlySum => checks::early_sum;
    early_concat = "eq-3-early-concat": mmt_fusion::EarlyConcat => checks::early_concat;
    gate = "eq-3-gate": mmt_fusion::gate => checks::gate;
    many_to_one = "eq-3-hier-m2o": mmt_fusion::HierMultiToOne => checks::many_to_one;
    one_to_many = "eq-3-hier-o2m": mmt_fusion::HierOneToMulti => checks::one_to_many;
    cross = "eq-3-cross": mmt_fusion::CrossAttention => checks::co_attention;
    cross_equiv = "eq-3-cross-equiv": mmt_fusion::CrossAttention => checks::cross_equiv;
    cross_concat = "eq-3-cross-concat": mmt_fusion::CrossConcat => checks::cross_concat;
    joint_queries = "eq-3-tri-note": mmt_fusion::joint_queries => checks::joint_queries;
    look_at_others = "eq-3-tri-survey": mmt_fusion::LookAtOthers => checks::look_at_others;
    paired_attention = "eq-3-tri-code": mmt_fusion::paired_attention => checks::paired_attention;
    bottleneck_layer = "eq-3-mbt-layer": mmt_fusion::BottleneckLayer => checks::bottleneck_layer;
    bottleneck = "eq-3-mbt-delay": mmt_fusion::Bottleneck => checks::bottleneck;
    bidirectional = "eq-3-irene-bi": mmt_fusion::BidirectionalAttention => checks::bidirectional;
    late = "eq-3-late": mmt_fusion::LateFusion => checks::late;
    topology = "eq-3-topology": mmt_fusion::topology::Program => checks::topology;
    shape = "eq-3-shape": mmt_fusion::topology::shapes => checks::shape;
    provenance = "eq-3-prov": mmt_fusion::topology::provenance => checks::provenance;
    cost = "eq-3-cost": mmt_fusion::topology::block_flops => checks::fusion_cost;
    memory = "eq-3-mem": mmt_fusion::topology::block_memory => checks::fusion_memory;
    taxonomy = "eq-3-taxonomy": mmt_fusion::topology::taxonomy => checks::taxonomy;
    vilt_class = "eq-3-vilt-class": mmt_fusion::topology::vilt_class => checks::vilt_class;
}
