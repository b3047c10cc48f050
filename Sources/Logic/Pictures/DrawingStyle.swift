/// The colours and lines of all drawings, for light and dark; without custom properties, as not every viewer of SVG knows
/// them. Print has the light ones.
///
/// `q1`...`q7` go from few to many, `d4`...`d1` and `e1`...`e4` from fewer to more; each differs from the next in lightness,
/// so that they are told apart without seeing hues. `k1`...`k8` are kinds. Chosen in OKLCH.
enum DrawingStyle {
    static let text = """
        text{font:12px system-ui,"DejaVu Sans",sans-serif;fill:#24292f}
        .head{font-size:16px;font-weight:600}.quiet{fill:#57606a}.strong{font-weight:600}
        .ground{fill:#fff;stroke:#d0d7de}
        .rule{fill:none;stroke:#d8dee4}.axis{fill:none;stroke:#8c959f}
        .limit{fill:none;stroke:#a51e21;stroke-width:1.5;stroke-dasharray:6 4}.limitword{fill:#a51e21}
        .curve{fill:none;stroke:#166eb9;stroke-width:1.7;stroke-linejoin:round}.area{fill:#dbe8f5}
        .span{fill:#f9e3cd}.spanedge{fill:none;stroke:#c9690c}.spanword{fill:#8a4a0b}
        .bar{fill:#166eb9}.track{fill:#eef1f4}
        .land{stroke:#fff;stroke-width:1}.land circle{stroke:#57606a}.q0{fill:#dfe3e8}.void{fill:none;stroke:#8c959f;stroke-dasharray:2 2}.sea{fill:#f3f6f9}
        .q1{fill:#f7ebad}.q2{fill:#f5d073}.q3{fill:#f5a939}.q4{fill:#ee7a1f}.q5{fill:#d64417}.q6{fill:#a51e21}.q7{fill:#6b0621}
        .d1{fill:#b8e1ff}.d2{fill:#72b8f2}.d3{fill:#2f82d6}.d4{fill:#184998}
        .e1{fill:#fcd2ab}.e2{fill:#f5a15e}.e3{fill:#d95f19}.e4{fill:#932e14}
        .k0{fill:#8c959f}.k1{fill:#166eb9}.k2{fill:#c9690c}.k3{fill:#298954}.k4{fill:#ae316e}
        .k5{fill:#5e3d9e}.k6{fill:#97871d}.k7{fill:#318ea2}.k8{fill:#6c4128}
        .part{stroke:#fff;stroke-width:.7}.swatch{stroke:#8c959f;stroke-width:.7}
        .land :hover,.part:hover{stroke:#24292f;stroke-width:2}
        @media screen and (prefers-color-scheme:dark){
        text{fill:#e6edf3}.quiet{fill:#9da7b3}
        .ground{fill:#0d1117;stroke:#30363d}
        .rule{stroke:#262c36}.axis{stroke:#6e7681}
        .limit{stroke:#ff7b72}.limitword{fill:#ff7b72}
        .curve{stroke:#5aa3ec}.area{fill:#16304d}
        .span{fill:#402f1f}.spanedge{stroke:#f1a048}.spanword{fill:#f1a048}
        .bar{fill:#5aa3ec}.track{fill:#1c2128}
        .land{stroke:#0d1117}.land circle{stroke:#9da7b3}.q0{fill:#2d333b}.void{stroke:#6e7681}.sea{fill:#12181f}
        .q1{fill:#6b244a}.q2{fill:#9a2a4f}.q3{fill:#c83846}.q4{fill:#e75e31}.q5{fill:#f6922e}.q6{fill:#f8c655}.q7{fill:#fcf2a2}
        .d1{fill:#28467d}.d2{fill:#2d6fbe}.d3{fill:#4fa6e9}.d4{fill:#a1e3fe}
        .e1{fill:#753a24}.e2{fill:#b4561a}.e3{fill:#eb881f}.e4{fill:#fed898}
        .k0{fill:#7d8590}.k1{fill:#5aa3ec}.k2{fill:#f1a048}.k3{fill:#5ec386}.k4{fill:#e573a3}
        .k5{fill:#a07cdb}.k6{fill:#decc60}.k7{fill:#72cede}.k8{fill:#9e7660}
        .part{stroke:#0d1117}
        .land :hover,.part:hover{stroke:#fff}
        }
        """
}
