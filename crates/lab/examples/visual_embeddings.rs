//! The table of `docs/visual-embeddings.md`: `cargo run --release -p mmt-lab --example visual_embeddings`.

use mmt_lab::visual_study::{VisualStudy, scenes, visual_study};

fn main() {
    let studies = visual_study(1).expect("finite numbers");
    println!("{} scenes of 24x24 pixels, {} threads\n", scenes(), rayon::current_num_threads());
    println!(
        "| visual embedding | tokens of a picture | parameters | MFLOP a picture | microseconds a picture |\n|---|---|---|---|---|"
    );
    for VisualStudy { name, tokens, cost, milliseconds } in studies {
        println!(
            "| {name} | {:.1} | {} | {:.3} | {:.1} |",
            tokens as f64 / scenes() as f64,
            cost.parameters,
            cost.flops as f64 / 1e6,
            1e3 * milliseconds
        );
    }
}
