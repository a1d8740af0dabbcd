//! The page of `mmt tour`.

use crate::figures::accuracy::{Bar, accuracy};
use crate::figures::attention::{Look, attention};
use crate::figures::curves::{Axis, Curve, curves};
use crate::figures::percent;
use crate::figures::picture::{Picture, picture};
use crate::figures::residuals::{Residual, residuals};
use crate::figures::shares::{Share, shares};
use crate::{html, math};

/// One of the three models.
#[derive(Clone, Debug)]
pub struct Model {
    /// `text only`
    pub name: String,
    /// Parameters.
    pub parameters: usize,
    /// Right answers about handwriting that was not seen, 0 to 1.
    pub accuracy: f64,
    /// What theory says about the best possible answers, with words.
    pub limit: Option<(f64, String)>,
    /// Step, loss and part of right answers in training, averaged over some steps.
    pub curve: Vec<(usize, f64, f64)>,
    /// Seconds of training.
    pub seconds: f64,
}

/// A formula of the register.
#[derive(Clone, Debug)]
pub struct Formula {
    /// `eq-1.1-attention`
    pub id: String,
    /// What it is called.
    pub name: String,
    /// LaTeX of the formula.
    pub forward: String,
    /// LaTeX of its gradient.
    pub backward: Option<String>,
}

/// The multiplicative mask, measured.
#[derive(Clone, Copy, Debug)]
pub struct MaskFailure {
    /// The part of the rows that become NaN as the note writes it.
    pub as_written: f64,
    /// What theory says about it.
    pub theory: f64,
    /// The part of the rows that become NaN as corrected.
    pub as_corrected: f64,
    /// How many rows were tried.
    pub rows: usize,
}

/// Everything the page shows.
#[derive(Clone, Debug)]
pub struct Tour {
    /// Short facts about the run: version, precision, threads, seed.
    pub facts: Vec<String>,
    /// The picture of the example.
    pub picture: Picture,
    /// The four questions with their answers.
    pub truth: Vec<(String, String)>,
    /// The four questions with what the model sees and says.
    pub looks: Vec<Look>,
    /// The three models.
    pub models: Vec<Model>,
    /// Questions in the test.
    pub questions: usize,
    /// Mean shares of the class token, layer by layer.
    pub shares: Vec<Vec<Share>>,
    /// The checked gradients.
    pub residuals: Vec<Residual>,
    /// The formulas of the model.
    pub formulas: Vec<Formula>,
    /// The erratum.
    pub mask: MaskFailure,
}

/// The page.
///
/// # Errors
/// A formula that is not LaTeX.
pub fn page(tour: &Tour) -> Result<String, String> {
    let sections = [
        header(tour),
        task(tour),
        fusion(tour),
        looks(tour),
        gradients(tour)?,
        erratum(tour)?,
        formulas(tour)?,
        again(),
    ];
    Ok(html::page("mmt tour", &sections.concat()))
}

fn section(number: usize, title: &str, body: &str) -> String {
    format!("<section>\n<h2><span class=\"n\">{number}</span>{title}</h2>\n{body}</section>\n")
}

fn header(tour: &Tour) -> String {
    let facts: String = tour.facts.iter().map(|f| format!("<li>{}</li>", html::escape(f))).collect();
    let best = tour.models.last().map_or(0.0, |m| m.accuracy);
    format!(
        "<header>\n<h1>A Transformer that looks and reads, trained a moment ago on this machine</h1>\n\
         <p class=\"lead\">It answers questions about two handwritten digits that it has not met, most likely by other \
         writers, and is right for {} of them. Every gradient it learned with was derived by hand and is checked below.</p>\n\
         <ul class=\"facts\">{facts}</ul>\n</header>\n",
        percent(best)
    )
}

fn task(tour: &Tour) -> String {
    let drawing = picture(&tour.picture, "Two handwritten digits", "Two digits of 8x8 pixels, side by side.");
    let answers: String = (tour.truth.iter())
        .map(|(q, a)| format!("<dt>{}</dt><dd>{}</dd>", html::escape(q), html::escape(a)))
        .collect();
    let body = format!(
        "<div class=\"task\">\n<div>{drawing}</div>\n<div><p>Two digits and a question in words. Neither is enough by \
         itself: without the question two answers are possible, without the picture only guessing remains.</p>\n\
         <dl>{answers}</dl></div>\n</div>\n<p class=\"after\">1797 digits are part of the program (E. Alpaydin, C. Kaynak 1998, UCI, \
         CC&nbsp;BY&nbsp;4.0). The last 500 of them, most likely by other writers, are kept for the test.</p>\n"
    );
    section(1, "The task", &body)
}

fn fusion(tour: &Tour) -> String {
    let bars: Vec<Bar> = (tour.models.iter().enumerate())
        .map(|(color, m)| Bar {
            name: m.name.clone(),
            color,
            accuracy: m.accuracy,
            interval: interval(m.accuracy, tour.questions),
            limit: m.limit.clone(),
        })
        .collect();
    let said: Vec<String> =
        tour.models.iter().map(|m| format!("{} {}", m.name, percent(m.accuracy))).collect();
    let said = format!("Right answers on {} test questions: {}.", tour.questions, said.join(", "));
    let rows: Vec<Vec<String>> = (tour.models.iter())
        .map(|m| {
            vec![
                m.name.clone(),
                format!("{:.1} %", 100.0 * m.accuracy),
                format!("±{:.1}", 100.0 * interval(m.accuracy, tour.questions)),
                m.curve.last().map_or(0, |c| c.0).to_string(),
                m.parameters.to_string(),
                format!("{:.1} s", m.seconds),
            ]
        })
        .collect();
    let numbers = html::table(&["model", "test", "95 %", "steps", "parameters", "training"], &rows);
    let caption = format!(
        "Right answers to {} questions about handwriting that was not seen. Whiskers are 95&nbsp;% intervals; dashed lines \
         are what theory allows with one modality.",
        tour.questions
    );
    let bars = html::figure(&accuracy(&bars, "Accuracy on unseen handwriting", &said), &caption, &numbers);
    section(2, "One modality is not enough", &format!("{bars}{}", training(tour, &said)))
}

/// Half of the 95 % interval of a part of `n` answers.
fn interval(accuracy: f64, n: usize) -> f64 {
    1.96 * (accuracy * (1.0 - accuracy) / n.max(1) as f64).sqrt()
}

fn training(tour: &Tour, said: &str) -> String {
    let lines = |value: fn(&(usize, f64, f64)) -> f64, end: bool| -> Vec<Curve> {
        (tour.models.iter().enumerate())
            .map(|(color, m)| Curve {
                name: if end { format!("{} {}", m.name, percent(m.accuracy)) } else { m.name.clone() },
                color,
                points: m.curve.iter().map(|point| (point.0 as f64, value(point))).collect(),
                end: end.then_some(m.accuracy),
            })
            .collect()
    };
    let tick = |x: f64| (x, percent(x));
    let axis = Axis {
        name: "right answers in training",
        top: 1.0,
        ticks: [0.0, 0.25, 0.5, 0.75, 1.0].map(tick).into(),
    };
    let right = curves(&lines(|p| p.2, true), &axis, &[], "Accuracy while training", said);
    let loss = Axis {
        name: "cross entropy",
        top: 2.5,
        ticks: [0.0, 0.5, 1.0, 1.5, 2.0, 2.5].map(|x| (x, format!("{x:.1}"))).into(),
    };
    let marks = [(std::f64::consts::LN_10, "ten equally likely answers".to_string())];
    let losses =
        curves(&lines(|p| p.1, false), &loss, &marks, "Loss while training", "Cross entropy over steps.");
    let rows: Vec<Vec<String>> = (tour.models.iter())
        .flat_map(|m| {
            let row = |c: &(usize, f64, f64)| {
                vec![m.name.clone(), c.0.to_string(), format!("{:.4}", c.1), format!("{:.1} %", 100.0 * c.2)]
            };
            m.curve.iter().map(row).collect::<Vec<_>>()
        })
        .collect();
    let numbers = html::table(&["model", "step", "loss", "right"], &rows);
    let caption = "Every step sees 64 fresh questions; points are means. Discs are the answers about unseen handwriting \
                   after the last step.";
    format!(
        "<h3>While training</h3>\n{}{}",
        html::figure(&right, caption, &numbers),
        html::figure(&losses, "The loss of the same three runs.", &numbers)
    )
}

fn looks(tour: &Tour) -> String {
    let brightest =
        (tour.looks.iter()).flat_map(|l| l.weights.iter().flatten()).fold(1e-9, |m: f64, &w| m.max(w));
    let panels: String = (tour.looks.iter())
        .map(|look| format!("<figure>{}</figure>\n", attention(&tour.picture, look, brightest)))
        .collect();
    let words: Vec<Vec<String>> = (tour.looks.iter())
        .map(|l| {
            let (left, right) = l.shares();
            let words: Vec<String> = l.words.iter().map(|(w, p)| format!("{w} {p:.2}")).collect();
            vec![l.question.clone(), format!("{left:.3}"), format!("{right:.3}"), words.join("  ")]
        })
        .collect();
    let numbers = html::table(&["question", "left digit", "right digit", "words"], &words);
    let rows: Vec<Vec<String>> = (tour.shares.iter().enumerate())
        .flat_map(|(l, layer)| {
            let row = |s: &Share| {
                vec![
                    (l + 1).to_string(),
                    s.question.clone(),
                    format!("{:.3}", s.left),
                    format!("{:.3}", s.right),
                ]
            };
            layer.iter().map(row).collect::<Vec<_>>()
        })
        .collect();
    let said =
        "Mean attention of the class token to the left and to the right digit, for each layer and question.";
    let sides = html::figure(
        &shares(&tour.shares, "Which side each layer looks at", said),
        "Means over all test questions. A layer whose bars are alike for all four does not look by the question.",
        &html::table(&["layer", "question", "left digit", "right digit"], &rows),
    );
    let body = format!(
        "<p>The last layer answers from one token, [CLS]. Bright patches are where it looks (mean of the heads), for the \
         same picture and four questions.</p>\n<div class=\"panels\">\n{panels}</div>\n\
         <details><summary>Numbers</summary>\n{numbers}</details>\n<h3>Layer by layer</h3>\n{sides}"
    );
    section(3, "Where does it look?", &body)
}

fn gradients(tour: &Tour) -> Result<String, String> {
    let (count, worst) = (tour.residuals.iter()).fold((0, 0f64), |(n, w), r| (n + r.count, w.max(r.worst)));
    let rows: Vec<Vec<String>> = (tour.residuals.iter())
        .map(|r| vec![r.id.clone(), r.count.to_string(), format!("{:.1e}", r.worst)])
        .collect();
    let said = format!("{count} numbers of gradients, the largest relative difference is {worst:.1e}.");
    let of_model = |r: &&Residual| tour.formulas.iter().any(|formula| formula.id == r.id);
    let shown: Vec<Residual> = tour.residuals.iter().filter(of_model).cloned().collect();
    let drawing = residuals(&shown, 1e-12, "Hand-derived gradients against exact derivatives", &said);
    let caption = format!(
        "The formulas of this model. In all, {} formulas with {count} numbers of gradients were checked in this run; the \
         largest relative difference is {worst:.1e}, and a check fails above 1e-12.",
        tour.residuals.len()
    );
    let identity = math::display(r"\langle \bar y,\; J v \rangle = \langle J^\top \bar y,\; v \rangle")?;
    let body = format!(
        "<p>The same code runs on dual numbers, which carry an exact derivative along. What they say about a direction \
         and what the hand-derived backward says must agree to rounding error; there is no step size.</p>\n{identity}\n{}",
        html::figure(&drawing, &caption, &html::table(&["formula", "gradients", "difference"], &rows))
    );
    Ok(section(4, "Is the calculus right?", &body))
}

fn erratum(tour: &Tour) -> Result<String, String> {
    let written = math::display(
        r"\operatorname{softmax}\Bigl(\tfrac{Q K^\top}{\sqrt d} \odot M\Bigr) V, \quad M_{ij} \in \{1, -\infty\}",
    )?;
    let corrected = math::display(
        r"\operatorname{softmax}\Bigl(\tfrac{Q K^\top}{\sqrt d} + B\Bigr) V, \quad B_{ij} \in \{0, -\infty\}",
    )?;
    let MaskFailure { as_written, theory, as_corrected, rows } = tour.mask;
    let body = format!(
        "<p>The note writes the mask of attention as a product with minus infinity (erratum <code>ERR-C01</code>). A \
         negative score times minus infinity is plus infinity, and the row is lost. {rows} rows of a causal mask over 8 \
         tokens, with random scores:</p>\n<div class=\"two\">\n\
         <div class=\"bad\"><span class=\"big\">{:.1} %</span> of the rows are not numbers as written{written}\
         <small>theory: {:.1} %</small></div>\n\
         <div class=\"good\"><span class=\"big\">{:.1} %</span> as corrected, with a sum{corrected}</div>\n</div>\n",
        100.0 * as_written,
        100.0 * theory,
        100.0 * as_corrected
    );
    Ok(section(5, "Is the note right?", &body))
}

fn formulas(tour: &Tour) -> Result<String, String> {
    let mut cards = String::new();
    for formula in &tour.formulas {
        let forward = math::display(&formula.forward)?;
        let backward = match &formula.backward {
            Some(latex) => {
                format!("<details><summary>Backward</summary>\n{}</details>\n", math::display(latex)?)
            }
            None => String::new(),
        };
        cards.push_str(&format!(
            "<div class=\"formula\"><h3>{}<code>{}</code></h3>\n{forward}\n{backward}</div>\n",
            html::escape(&formula.name),
            html::escape(&formula.id)
        ));
    }
    Ok(section(6, "The formulas of this model", &cards))
}

fn again() -> String {
    let body = "<p>Everything above is made by the first of these commands, with the same bits for any number of \
                threads.</p>\n<pre>mmt tour\nmmt verify\nmmt explain eq-1.1-attention --backward\nmmt errata run ERR-C01\n\
                mmt train --task digits-qa --steps 1500</pre>\n";
    section(7, "Again, and further", body)
}
