/// How a page looks: light and dark, on a screen of any width and on paper.
enum PageStyle {
    static let text = """

        :root{color-scheme:light dark;--text:#24292f;--quiet:#57606a;--ground:#fff;--card:#f6f8fa;--line:#d0d7de;--link:#0a58b8}
        @media screen and (prefers-color-scheme:dark){
        :root{--text:#e6edf3;--quiet:#9da7b3;--ground:#0d1117;--card:#161b22;--line:#30363d;--link:#6cb0ff}}
        *{box-sizing:border-box}
        body{margin:0 auto;max-width:1008px;padding:24px 24px 48px;font:15px/1.5 system-ui,"DejaVu Sans",sans-serif;
        color:var(--text);background:var(--ground)}
        h1{font-size:1.7rem;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
        h2{font-size:1.2rem;line-height:1.3;margin:0 0 12px;overflow-wrap:anywhere}
        a{color:var(--link)}a:focus-visible,button:focus-visible,.table:focus-visible{outline:2px solid var(--link);outline-offset:2px}
        .skip{position:absolute;left:-999px}.skip:focus{left:8px;top:8px;background:var(--ground);padding:8px;z-index:1}
        .when,.note,footer{color:var(--quiet)}.when{margin:0;overflow-wrap:anywhere}.note{margin:8px 0 0;max-width:75ch;overflow-wrap:anywhere}
        nav{margin:20px 0 0;padding:12px 16px;background:var(--card);border:1px solid var(--line);border-radius:8px}
        nav h2{font-size:1rem;margin:0 0 4px}nav ol{margin:0;padding-left:1.6em;columns:17em;overflow-wrap:anywhere}nav li{padding:2px 0}
        section{margin-top:40px;padding-top:20px;border-top:1px solid var(--line)}
        figure{margin:0 0 20px}figcaption{font-weight:600;margin:0 0 6px;overflow-wrap:anywhere}
        .drawing{display:block;max-width:100%;height:auto}.drawing.narrow{display:none}
        .maps{display:grid;gap:8px 28px;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr))}
        .world{width:100%}.shapes{position:absolute}
        .legend{display:flex;flex-wrap:wrap;gap:2px 14px;list-style:none;margin:8px 0 0;padding:0;font-size:.85rem}
        .key{vertical-align:-2px;margin-right:6px}
        .table{overflow-x:auto;max-width:100%}.long{max-height:40rem;overflow-y:auto;border-bottom:1px solid var(--line)}
        .long thead{position:sticky;top:0;background:var(--ground)}
        table{border-collapse:collapse;font-variant-numeric:tabular-nums}
        caption{text-align:left;color:var(--quiet);font-size:.85rem;padding:0 0 6px}
        th,td{text-align:left;vertical-align:top;padding:5px 12px 5px 0;border-bottom:1px solid var(--line);font-weight:400;
        overflow-wrap:break-word;max-width:32em}
        thead th{font-weight:600;border-bottom:2px solid var(--line);vertical-align:bottom;white-space:nowrap}
        .n,.t{white-space:nowrap}.n{text-align:right}td+.n,th+.n,td+.t,th+.t{padding-left:12px}tbody th{min-width:9em}
        tbody tr:hover{background:var(--card)}small{color:var(--quiet);font-size:.8em}
        thead button{font:inherit;font-weight:600;color:inherit;background:none;border:0;padding:2px 0;min-height:24px;cursor:pointer;
        text-align:inherit}
        thead button:hover{color:var(--link);text-decoration:underline}
        thead button::after{content:"\\2195" / "";display:inline-block;width:1em;text-align:right;color:var(--quiet)}
        [aria-sort=ascending] button::after{content:"\\2191" / "";color:inherit}
        [aria-sort=descending] button::after{content:"\\2193" / "";color:inherit}
        footer{margin-top:48px;padding-top:16px;border-top:1px solid var(--line);font-size:.85rem}footer p{margin:0 0 4px;overflow-wrap:anywhere}
        @media (max-width:779px){.drawing.wide{display:none}.drawing.narrow{display:block;width:100%;max-width:500px}}
        @media (max-width:600px){body{padding:16px 16px 32px}
        nav ol{columns:1}nav li{padding:5px 0}section{margin-top:28px}}
        @media print{@page{margin:14mm}body{max-width:none;padding:0;font-size:10pt}.skip{display:none}
        .drawing.wide{display:block}.drawing.narrow{display:none}.table,.long{overflow:visible;max-height:none}
        .long thead{position:static}
        section{margin-top:16pt;padding-top:8pt}h2{break-after:avoid}tr,figure{break-inside:avoid}thead{display:table-header-group;break-inside:avoid}
        thead button::after{content:none}thead button{display:contents}a{color:inherit;text-decoration:none}th,td{padding:2pt 8pt 2pt 0}
        .maps{grid-template-columns:1fr 1fr}}
        \(DrawingStyle.text)

        """

    /// Of `text`, as a content security policy names it.
    static let hash = "sha256-tP0UQF97epFzZhKnPKcUAg3DCHVMqz60V5kTuqnM19U="
}
