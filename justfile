# Everything CI runs.
check: fmt lint doc test

fmt:
    cargo fmt --all --check

lint:
    cargo clippy --workspace --all-targets -- -D warnings

test:
    cargo test --workspace

# API docs; docs/katex.html says how to render the formulas.
doc:
    RUSTDOCFLAGS="-D warnings --html-in-header {{justfile_directory()}}/docs/katex.html" cargo doc --workspace --no-deps

# Rewrites docs/equations.md and docs/errata.md from the register, docs/parity.md from the cases of other libraries, and the drawings
# of docs/tokens.md.
equations:
    UPDATE=1 cargo test -p mmt-tests --test register --test errata --test parity
    UPDATE=1 cargo test -p mmt-cli --test lab the_drawings_of_the_page
