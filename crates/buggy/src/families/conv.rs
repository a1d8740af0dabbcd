//! Convolution and pooling of pictures.

use crate::Run;
use crate::nodes::Window;

pub fn compute(op: &str, run: &mut Run) -> Result<bool, String> {
    match op {
        "conv" => conv(run)?,
        "max_pool" | "avg_pool" => {
            let x = run.input("x")?;
            let kernel = run.list("kernel")?;
            let dilation = vec![1; kernel.len()];
            let window =
                Window { kernel, stride: run.list("stride")?, padding: run.list("padding")?, dilation };
            let y = match op {
                "max_pool" => run.tape.max_pool(x, &window),
                _ => run.tape.avg_pool(x, &window, run.word("divisor") != "window"),
            };
            run.out("y", y);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn conv(run: &mut Run) -> Result<(), String> {
    let [x, w] = [run.input("x")?, run.param("weight")?];
    let b = run.maybe("bias");
    let kernel = run.tape.shape(w)[2..].to_vec();
    let [stride, padding, dilation] = [run.list("stride")?, run.list("padding")?, run.list("dilation")?];
    let window = Window { kernel, stride, padding, dilation };
    let y = run.tape.conv(x, w, b, &window, run.int("groups")?.max(1));
    run.out("y", y);
    Ok(())
}
