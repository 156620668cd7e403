"""The style sheet of a report: light and dark by what the reader prefers, and for paper."""

STYLE = """
:root { color-scheme: light dark; --back: #ffffff; --text: #1c2330; --soft: #5c6675;
  --rule: #d9dee6;
  --card: #f5f7fa; --one: #2563c9; --two: #c2410c; --good: #15803d; --note: #5c6675;
  --warning: #b45309;
  --critical: #c81e1e; --eval: #7c3aed; --save: #0e7490; --warm: #b45309; }
@media screen and (prefers-color-scheme: dark) { :root { --back: #12161c; --text: #dde3ec;
  --soft: #97a2b2; --rule: #2c3440;
  --card: #1a2028; --one: #6ea8fe; --two: #fb923c; --good: #4ade80; --note: #97a2b2;
  --warning: #fbbf24;
  --critical: #f87171; --eval: #a78bfa; --save: #22d3ee; --warm: #fbbf24; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 4rem; background: var(--back);
  color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 1.5rem 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .6rem; padding-top: .8rem;
  border-top: 1px solid var(--rule); }
p { margin: .5rem 0; max-width: 46rem; }
nav { font-size: .9rem; } nav a { margin-right: .9rem; white-space: nowrap; }
a { color: var(--one); }
.verdict { background: var(--card); border-left: 4px solid var(--note); padding: .6rem 1rem; }
.verdict.tone-good { border-color: var(--good); }
.verdict.tone-warning { border-color: var(--warning); }
.verdict.tone-critical { border-color: var(--critical); }
.items { list-style: none; padding: 0; margin: .4rem 0; }
.items li { padding-left: 1.4rem; text-indent: -1.4rem; }
.items li::before { content: "\\2022"; display: inline-block; width: 1.4rem; text-indent: 0;
  color: var(--note); }
.items .tone-good::before { content: "\\2713"; color: var(--good); }
.items .tone-warning::before { content: "\\25B2"; color: var(--warning); }
.items .tone-critical::before { content: "\\25CF"; color: var(--critical); }
h3 { font-size: 1rem; margin: .9rem 0 .2rem; }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .15rem 1.2rem;
  margin: .5rem 0; }
dt { color: var(--soft); } dd { margin: 0; }
.table { overflow-x: auto; }
  table { border-collapse: collapse; font-size: .88rem; width: 100%; }
th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--rule);
  vertical-align: top; }
td { overflow-wrap: break-word; max-width: 22rem; }
th { color: var(--soft); font-weight: 600; }
th, .right { white-space: nowrap; }
.right { text-align: right; font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; } figcaption, .soft { color: var(--soft); font-size: .88rem; }
svg { display: block; width: 100%; height: auto; }
  svg.strip { height: 26px; border-radius: 3px; }
.grid { stroke: var(--rule); fill: none; }
.tick { fill: var(--soft); font: 11px system-ui, sans-serif; }
.line { fill: none; stroke-width: 1.6; } .band { opacity: .2; stroke: none; }
.line-0 { stroke: var(--one); } .line-1 { stroke: var(--two); } .line-2 { stroke: var(--good); }
.band.line-0, .dot.line-0 { fill: var(--one); stroke: none; }
.band.line-1, .dot.line-1 { fill: var(--two); stroke: none; }
.band.line-2 { fill: var(--good); stroke: none; }
.line-3 { stroke: var(--eval); } .band.line-3 { fill: var(--eval); stroke: none; }
.pin { stroke: var(--note); stroke-dasharray: 3 3; } .pin-incident { stroke: var(--critical); }
.pin-best { stroke: var(--good); }
.key { display: inline-block; width: .8em; height: .8em; margin-right: .4em;
  border-radius: 2px; }
.key.line-0 { background: var(--one); } .key.line-1 { background: var(--two); }
.key.line-2 { background: var(--good); } .key.line-3 { background: var(--eval); }
.phase-train { fill: var(--one); background: var(--one); }
.phase-eval { fill: var(--eval); background: var(--eval); }
.phase-save { fill: var(--save); background: var(--save); }
.phase-warm { fill: var(--warm); background: var(--warm); }
.phase-turn { fill: var(--good); background: var(--good); }
.phase-again { fill: var(--two); background: var(--two); }
.phase-pause { fill: var(--note); background: var(--note); }
.phase-lost { fill: var(--critical); background: var(--critical); }
@media print { :root { color-scheme: light; --text: #000; } * { print-color-adjust: exact; }
  body { max-width: none; padding: 0; font-size: 11pt; } nav { display: none; }
  main + main { break-before: page; } h2, h3 { break-after: avoid; }
  figure, tr, li, dt, dd, .verdict { break-inside: avoid; } p, li { orphans: 3; widows: 3; }
  .table { overflow: visible; } table { font-size: 8.5pt; } th { white-space: normal; }
  th, td { padding-right: .4rem; overflow-wrap: normal; }
  td:not(.right) { max-width: none; min-width: 5rem; overflow-wrap: anywhere; } }
"""
