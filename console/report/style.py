"""How a report looks: light or dark as the reader's machine is, and on paper. Nothing is loaded."""

STYLE = """
:root{color-scheme:light dark;--ink:#1d2430;--soft:#5c6675;--line:#dfe3ea;--page:#f6f7f9;--card:#fff;
--good:#137a4b;--bad:#c02636;--warn:#9a6200;--canary:#d98200;--stable:#3667c9}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#9aa4b5;--line:#2c3442;--page:#12161d;--card:#1a202a;
--good:#4fc98b;--bad:#ff7a85;--warn:#f0b352;--canary:#ffb53d;--stable:#7ba6ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1040px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:27px;line-height:1.2;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:18px;margin:36px 0 10px}
h3{font-size:14px;margin:20px 0 6px;color:var(--soft);font-weight:600}
.sub{color:var(--soft);margin:0 0 20px}
.badge{display:inline-block;border-radius:999px;padding:2px 12px;font-weight:600;border:1px solid currentColor;
font-size:14px}
.good{color:var(--good)}
.bad{color:var(--bad)}
.warn{color:var(--warn)}
.soft{color:var(--soft)}
section.card,figure,table,details{background:var(--card);border:1px solid var(--line);border-radius:10px}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(210px,1fr));gap:14px 24px;margin:0;padding:18px 20px}
dt{color:var(--soft);font-size:12.5px}
dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
table{width:100%;border-collapse:separate;border-spacing:0;overflow:hidden}
td,th{text-align:left;vertical-align:top;padding:8px 14px;border-top:1px solid var(--line);overflow-wrap:anywhere}
tr:first-child>*{border-top:0}
th{font-size:12.5px;color:var(--soft);font-weight:600}
td.at{white-space:nowrap;font-variant-numeric:tabular-nums;color:var(--soft)}
td.by{color:var(--soft);font-size:13.5px}
figure{margin:0 0 14px;padding:14px 14px 6px}
figcaption{font-weight:600;font-size:14px;margin:0 4px 6px;display:flex;gap:16px;flex-wrap:wrap}
.key{font-weight:400;font-size:13px;color:var(--soft)}
.key:before{content:"";display:inline-block;width:16px;height:3px;border-radius:2px;margin-right:6px;
vertical-align:middle;background:var(--stable)}
.key.canary:before{background:var(--canary)}
.key.limit:before{background:var(--bad)}
svg{width:100%;height:auto;display:block}
svg .grid{stroke:var(--line)}
svg .axis{fill:var(--soft);font-size:11px;text-anchor:end}
svg polyline{fill:none;stroke-width:2;stroke-linejoin:round}
svg polyline.canary{stroke:var(--canary)}
svg polyline.stable{stroke:var(--stable)}
svg circle.canary{fill:var(--canary)}
svg circle.stable{fill:var(--stable)}
svg line.limit{stroke:var(--bad);stroke-dasharray:5 4}
svg line.mark{stroke:var(--soft);stroke-dasharray:2 3}
svg text.mark{fill:var(--soft);font-size:11px}
svg line.back{stroke:var(--bad)}
svg text.back{fill:var(--bad)}
pre{margin:0;padding:12px 14px;overflow-x:auto;
font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
details{margin:6px 0}
summary{cursor:pointer;padding:6px 14px;color:var(--soft)}
ul{margin:4px 0;padding-left:20px}
.figures{color:var(--soft);font-size:13.5px}
footer{margin-top:40px;color:var(--soft);font-size:13px}
@media print{:root{color-scheme:light;--ink:#111;--soft:#555;--line:#ccc;--page:#fff;--card:#fff;--good:#0a6038;
--bad:#a3101f;--warn:#7a4d00;--canary:#b56b00;--stable:#2450a8}main{max-width:none;padding:0}figure,tr,dl{
break-inside:avoid}h2,h3{break-after:avoid}body{font-size:12px}}
"""
