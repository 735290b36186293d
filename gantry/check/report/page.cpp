// SPDX-License-Identifier: MIT
// The page that shows a counterexample: one file, nothing is loaded from anywhere.
#include <gantry/check/model.hpp>
#include <gantry/check/report/detail/json.hpp>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::check {

namespace {

std::string escaped(std::string_view text) {
    std::string all;
    for (const char c : text) {
        switch (c) {
        case '&':
            all += "&amp;";
            break;
        case '<':
            all += "&lt;";
            break;
        case '>':
            all += "&gt;";
            break;
        case '"':
            all += "&quot;";
            break;
        case '\'':
            all += "&#39;";
            break;
        default:
            all += c;
            break;
        }
    }
    return all;
}

// What it means, for somebody who has not met it before.
const char* meaning_of(fault f) {
    switch (f) {
    case fault::none:
        return "Nothing was found.";
    case fault::assertion:
        return "A check of the program does not hold in this execution.";
    case fault::race:
        return "Two threads access the same memory, at least one of them writes, and nothing orders the two accesses: "
               "neither happens before the other. In C++ that is undefined behaviour, on every machine.";
    case fault::mixed_size:
        return "The same bytes are accessed atomically in two sizes. C++ has no such thing.";
    case fault::use_after_free:
        return "A thread uses memory that has been given back, or may have been: nothing orders the use before the "
               "release.";
    case fault::out_of_bounds:
        return "A thread uses memory that belongs to no object.";
    case fault::double_free:
        return "Memory is given back that nobody owns any more.";
    case fault::mismatched_free:
        return "Memory is given back in another way than it was obtained.";
    case fault::uninitialised:
        return "A thread reads an atomic that nobody has written yet.";
    case fault::leak:
        return "The execution ends, and memory that it obtained was never given back.";
    case fault::deadlock:
        return "Threads are left that wait, and nobody who could let them go on.";
    case fault::lock_misuse:
        return "A lock or a thread is used in a way that is not allowed.";
    case fault::exception:
        return "An exception leaves a thread, which ends the program.";
    case fault::aborted:
        return "The program ends itself.";
    case fault::crash:
        return "The program does what the machine refuses.";
    case fault::endless:
        return "The execution goes on and on: threads make each other repeat what they do.";
    case fault::nondeterminism:
        return "The program does different things when it is run again in the same way: it depends on something that "
               "the checker does not control.";
    case fault::unsupported:
        return "The program needs something that the checker does not offer.";
    }
    return "";
}

std::string last_part(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

// Lines of source files, read when first asked for.
class sources {
public:
    // Without the blanks around it; empty when it cannot be read.
    std::string line(const code_place& p) {
        const auto [found, fresh] = files_.try_emplace(p.path);
        if (fresh && p.known()) {
            std::ifstream file(p.path);
            for (std::string text; std::getline(file, text);) {
                found->second.push_back(text);
            }
        }
        if (p.line == 0 || p.line > found->second.size()) {
            return "";
        }
        const std::string& text = found->second[p.line - 1];
        const auto begin = text.find_first_not_of(" \t");
        const auto end = text.find_last_not_of(" \t\r");
        return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
    }

private:
    std::map<std::string, std::vector<std::string>> files_;
};

std::string place_text(const code_place& p) {
    return escaped(last_part(p.path)) + ":" + std::to_string(p.line) +
           (p.function.empty() ? "" : " <span class=fn>" + escaped(p.function) + "</span>");
}

// The words of a step with its order as a label of its own.
std::string step_text(const counterexample_step& s) {
    std::string text = escaped(s.text);
    const std::string written = " (" + s.order + ")";
    if (const auto at = text.find(written); !s.order.empty() && at != std::string::npos) {
        text.replace(at, written.size(), " <span class=order>" + s.order + "</span>");
    }
    const std::string stale = " (stale: " + std::to_string(s.stale) + " newer)";
    if (const auto at = text.find(stale); s.stale > 0 && at != std::string::npos) {
        text.replace(at, stale.size(), " <span class=stale>stale: " + std::to_string(s.stale) + " newer</span>");
    }
    return text;
}

constexpr std::string_view style = R"(
:root{--bg:#fbfbfa;--fg:#1d2127;--dim:#667080;--card:#fff;--line:#d9dce1;--code:#f1f2f4;--rf:#1f8a4c;--mo:#b07a14;
--sw:#2563c9;--bad:#d1242f;--badbg:#fff1f0;--stale:#9a5b00;--stalebg:#fff3d6;--hl:#ffe58a;--col:#f3f4f6}
@media (prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e4e7eb;--dim:#98a2b0;--card:#1f242b;--line:#39414c;
--code:#2a313a;--rf:#4cc583;--mo:#dba83c;--sw:#77a7ff;--bad:#ff6b6b;--badbg:#3a2124;--stale:#ffc766;--stalebg:#42351b;
--hl:#6b5a17;--col:#191d22}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{padding:24px 28px 48px}
h1{font-size:21px;margin:0 0 4px}h2{font-size:15px;margin:26px 0 8px}
.kind{color:var(--bad)}
p{margin:6px 0;max-width:78em}
ul.facts{margin:10px 0;padding:10px 14px 10px 30px;background:var(--badbg);border-left:3px solid var(--bad);max-width:78em}
ul.facts li{margin:2px 0;overflow-wrap:anywhere}ul.facts li:first-child{font-weight:600}
ul.facts li.sub{margin-left:20px;list-style:circle}
code,kbd{font:12.5px/1.45 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
.replay{display:block;background:var(--code);padding:8px 12px;border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere;max-width:94em}
.dim{color:var(--dim)}
.legend{display:flex;flex-wrap:wrap;gap:6px 20px;align-items:center;margin:10px 0 4px}
.legend label{display:inline-flex;gap:7px;align-items:center;cursor:pointer;user-select:none}
.legend svg{display:block}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:8px;background:var(--bg)}
.graph{position:relative;display:grid;column-gap:84px;row-gap:9px;padding:0 92px 22px 74px;width:max-content;min-width:100%}
.graph>svg{position:absolute;left:0;top:0;pointer-events:none;z-index:1;overflow:visible}
.graph>svg.top{z-index:3}
.lane{background:var(--col);margin:0 -14px;z-index:0;border-radius:4px}
.head{position:sticky;top:0;z-index:4;padding:9px 0 7px;font-weight:600;text-align:center}
.step{position:relative;z-index:2;background:var(--card);border:1px solid var(--line);border-radius:7px;padding:5px 10px 6px;
outline:none;cursor:default}
.step .what{overflow-wrap:anywhere}
.step .no{color:var(--dim);font-weight:600;margin-right:3px;font-variant-numeric:tabular-nums}
.step code.src{display:block;background:var(--code);border-radius:4px;padding:2px 7px;margin:4px 0 2px;white-space:pre-wrap;
overflow-wrap:anywhere}
.step .at{font-size:11.5px;color:var(--dim);overflow-wrap:anywhere}
.step .stack{display:none;margin:4px 0 0;padding:4px 0 0;border-top:1px solid var(--line);font-size:11.5px;color:var(--dim)}
.step.pinned .stack{display:block}
.step.note{border-style:dashed}
.step.guilty{border:2px solid var(--bad);background:var(--badbg)}
.order{font-size:11.5px;border:1px solid var(--line);border-radius:9px;padding:0 7px;color:var(--dim);white-space:nowrap}
.stale{font-size:11.5px;border-radius:9px;padding:1px 7px;color:var(--stale);background:var(--stalebg);white-space:nowrap}
.fn{color:var(--dim)}
.focus .step{opacity:.38}.focus .step.near{opacity:1}.focus .step.self{box-shadow:0 0 0 3px var(--hl);opacity:1}
path.e{fill:none;stroke-width:1.7;opacity:.85}
path.reads-from{stroke:var(--rf)}path.modification-order{stroke:var(--mo);stroke-dasharray:5 4}
path.synchronises-with{stroke:var(--sw);stroke-width:2.2}
path.missed{stroke:var(--stale);stroke-width:2.2;stroke-dasharray:2 5;stroke-linecap:round}
path.missing{stroke:var(--bad);stroke-width:3;stroke-dasharray:9 6;opacity:1}
.focus path.e{opacity:.08}.focus path.e.near{opacity:1;stroke-width:2.8}
svg text.why{fill:var(--bad);font-weight:600;font-size:12px;text-anchor:middle;paint-order:stroke;stroke:var(--bg);
stroke-width:5px;stroke-linejoin:round}
table{border-collapse:collapse}td{padding:2px 16px 2px 0;vertical-align:top}td:first-child{font-weight:600;white-space:nowrap}
@media print{.scroll{overflow:visible}.legend input{display:none}}
)";

constexpr std::string_view behaviour = R"(
(function(){
const g=document.querySelector('.graph'),[svg,top]=g.querySelectorAll('svg'),E=JSON.parse(document.getElementById('edges').textContent);
const steps=new Map();g.querySelectorAll('.step').forEach(s=>steps.set(+s.dataset.i,s));
const NS='http://www.w3.org/2000/svg';let pinned=null;
function on(k){const c=document.querySelector('.legend input[value="'+k+'"]');return !c||c.checked}
function draw(focus){
  const o=g.getBoundingClientRect();
  for(const s of[svg,top]){s.setAttribute('width',g.scrollWidth);s.setAttribute('height',g.scrollHeight)}
  g.querySelectorAll('.drawn').forEach(n=>n.remove());
  const box=i=>{const r=steps.get(i).getBoundingClientRect();
    return{l:r.left-o.left,r:r.right-o.left,t:r.top-o.top,b:r.bottom-o.top,m:(r.top+r.bottom)/2-o.top,h:r.height}};
  const shift={'reads-from':-6,'synchronises-with':5,'modification-order':0,'missing':0,'missed':10};
  E.forEach(e=>{
    if(!steps.has(e.from)||!steps.has(e.to))return;
    const near=focus!==null&&(e.from===focus||e.to===focus);
    if(!near&&!on(e.kind))return;
    const a=box(e.from),b=box(e.to),d=shift[e.kind]||0,y1=a.m+d,y2=b.m+d;let p,mx,my;
    const same=steps.get(e.from).dataset.t===steps.get(e.to).dataset.t;
    if(same){
      const left=e.kind==='modification-order',x1=left?a.l:a.r,x2=left?b.l:b.r;
      const bulge=(left?-1:1)*Math.min(64,18+Math.abs(y2-y1)/9);
      p='M'+x1+' '+y1+'C'+(x1+bulge)+' '+y1+' '+(x2+bulge)+' '+y2+' '+x2+' '+y2;mx=x1+bulge;my=(y1+y2)/2;
    }else{
      const right=b.l>a.l,x1=right?a.r:a.l,x2=right?b.l:b.r,k=Math.max(36,Math.abs(x2-x1)/2)*(right?1:-1);
      p='M'+x1+' '+y1+'C'+(x1+k)+' '+y1+' '+(x2-k)+' '+y2+' '+x2+' '+y2;mx=(x1+x2)/2;my=(y1+y2)/2;
    }
    const n=document.createElementNS(NS,'path');n.setAttribute('d',p);
    n.setAttribute('class','drawn e '+e.kind+(near?' near':''));
    n.setAttribute('marker-end','url(#m-'+e.kind+')');svg.appendChild(n);
    if(e.kind==='missing')['nothing orders','these two'].forEach((w,k)=>{
      const t=document.createElementNS(NS,'text');t.setAttribute('class','drawn why');
      t.setAttribute('x',mx);t.setAttribute('y',my-4+15*k);t.textContent=w;top.appendChild(t)});
  });
}
function focus(i){
  g.classList.toggle('focus',i!==null);
  steps.forEach((s,k)=>{s.classList.toggle('self',k===i);
    s.classList.toggle('near',i!==null&&(k===i||E.some(e=>e.from===i&&e.to===k||e.to===i&&e.from===k)))});
  draw(i);
}
function pin(i){
  const was=pinned;if(was!==null)steps.get(was).classList.remove('pinned');
  pinned=was===i?null:i;if(pinned!==null)steps.get(i).classList.add('pinned');focus(pinned);
}
steps.forEach((s,i)=>{
  s.addEventListener('mouseenter',()=>focus(i));s.addEventListener('mouseleave',()=>focus(pinned));
  s.addEventListener('focus',()=>focus(i));s.addEventListener('blur',()=>focus(pinned));
  s.addEventListener('click',()=>pin(i));
});
document.querySelectorAll('.legend input').forEach(c=>c.addEventListener('change',()=>draw(pinned)));
addEventListener('resize',()=>draw(pinned));draw(null);
const named=document.getElementById('step'+location.hash.slice(1));
if(named){pin(+named.dataset.i);named.scrollIntoView({block:'center'})}
if(document.fonts&&document.fonts.ready)document.fonts.ready.then(()=>draw(pinned));
})();
)";

struct relation {
    const char* kind;
    const char* words;
    const char* variable;
};

constexpr relation relations[] = {
    {"reads-from", "reads from: who wrote what is read", "--rf"},
    {"synchronises-with", "synchronises with: all before the arrow happens before all after it", "--sw"},
    {"modification-order", "modification order: which write of an object comes next", "--mo"},
    {"missed", "missed: a newer write that a stale read does not see", "--stale"},
    {"missing", "missing: what would have to be ordered", "--bad"},
};

void add_legend(std::string& page, const counterexample& c) {
    page += "<div class=legend>";
    for (const relation& r : relations) {
        const auto uses =
            std::ranges::count_if(c.edges, [&](const counterexample_edge& e) { return e.kind == r.kind; });
        if (uses == 0) {
            continue;
        }
        // Of many arrows the least telling ones come when a step is pointed at.
        const bool shown = std::string_view(r.kind) != "modification-order" || c.steps.size() <= 24;
        page += std::string("<label><input type=checkbox value=\"") + r.kind + "\"" + (shown ? " checked" : "") +
                "><svg width=30 height=8><line x1=0 y1=4 x2=30 y2=4 stroke=\"var(" + r.variable +
                ")\" stroke-width=3/></svg>" + r.words + "</label>";
    }
    page += "<span class=dim>Point at a step to see what it is related to; click it for its callers; #7 behind the "
            "address shows step 7.</span></div>\n";
}

void add_step(std::string& page, sources& files, const counterexample_step& s, std::size_t index, std::size_t row) {
    page += "<div class=\"step" + std::string(s.number == 0 ? " note" : "") + (s.guilty ? " guilty" : "") + "\"" +
            (s.number > 0 ? " id=step" + std::to_string(s.number) : std::string()) +
            " tabindex=0 data-i=" + std::to_string(index) + " data-t=" + std::to_string(s.thread) +
            " style=\"grid-column:" + std::to_string(s.thread + 1) + ";grid-row:" + std::to_string(row) +
            "\"><div class=what>" +
            (s.number > 0 ? "<span class=no>#" + std::to_string(s.number) + "</span> " : std::string()) + step_text(s) +
            "</div>";
    if (s.place.known()) {
        // A line of brackets says nothing.
        if (const std::string line = files.line(s.place);
            std::ranges::any_of(line, [](unsigned char c) { return std::isalnum(c) != 0; })) {
            page += "<code class=src>" + escaped(line) + "</code>";
        }
        page += "<div class=at>" + place_text(s.place) + "</div>";
    }
    if (!s.stack.empty()) {
        page += "<div class=stack>called from";
        for (const code_place& p : s.stack) {
            page += "<br>" + place_text(p);
        }
        page += "</div>";
    }
    page += "</div>\n";
}

void add_graph(std::string& page, const counterexample& c) {
    std::uint32_t threads = 0;
    for (const counterexample_step& s : c.steps) {
        threads = std::max(threads, s.thread + 1);
    }
    // What a browser can still draw.
    constexpr std::size_t first_steps = 700;
    constexpr std::size_t last_steps = 300;
    const bool cut = c.steps.size() > first_steps + last_steps;
    const std::size_t rows = cut ? first_steps + last_steps + 1 : c.steps.size();
    page += "<div class=scroll><div class=graph style=\"grid-template-columns:repeat(" + std::to_string(threads) +
            ",minmax(230px,380px))\"><svg aria-hidden=true><defs>";
    for (const relation& r : relations) {
        page += std::string("<marker id=\"m-") + r.kind +
                "\" viewBox=\"0 0 10 10\" refX=9 refY=5 markerWidth=9 markerHeight=9 markerUnits=userSpaceOnUse "
                "orient=auto><path d=\"M0 0L10 5L0 10z\" fill=\"var(" +
                r.variable + ")\"/></marker>";
    }
    page += "</defs></svg><svg class=top aria-hidden=true></svg>\n";
    for (std::uint32_t t = 0; t < threads; ++t) {
        const std::string column = "grid-column:" + std::to_string(t + 1);
        page += "<div class=lane style=\"" + column + ";grid-row:1/" + std::to_string(rows + 3) + "\"></div>" +
                "<div class=head style=\"" + column + ";grid-row:1\">thread " + std::to_string(t) + "</div>\n";
    }
    sources files;
    std::size_t row = 2;
    for (std::size_t i = 0; i < c.steps.size(); ++i) {
        if (cut && i == first_steps) {
            i = c.steps.size() - last_steps;
            page += "<div class=\"dim head\" style=\"grid-column:1/-1;grid-row:" + std::to_string(row++) + "\">" +
                    std::to_string(i - first_steps) + " steps left out</div>\n";
        }
        add_step(page, files, c.steps[i], i, row++);
    }
    page += "</div></div>\n";
}

} // namespace

#pragma GCC visibility push(default)

std::string html_of(const model_result& r, const std::string& title, const std::string& replay) {
    const counterexample& c = r.execution;
    std::string page = "<!doctype html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport "
                       "content=\"width=device-width,initial-scale=1\">\n<title>" +
                       escaped(title) + ": " + name_of(r.found) + "</title>\n<style>";
    page += style;
    page += "</style></head><body><main>\n<h1>" + escaped(title) + ": <span class=kind>" + name_of(r.found) +
            "</span></h1>\n<p>" + meaning_of(r.found) + "</p>\n<ul class=facts>";
    for (std::size_t at = 0; at < r.summary.size();) {
        const std::size_t end = std::min(r.summary.find('\n', at), r.summary.size());
        const std::string_view line = std::string_view(r.summary).substr(at, end - at);
        page += std::string(line.starts_with("    ") ? "<li class=sub>" : "<li>") + escaped(line) + "</li>";
        at = end + 1;
    }
    page += "</ul>\n";
    if (!replay.empty()) {
        page +=
            "<p>Run this execution again, also in a debugger:</p><code class=replay>" + escaped(replay) + "</code>\n";
    }
    if (!c.steps.empty()) {
        page += "<h2>The execution</h2><p class=dim>One order in which it can have happened, from top to bottom; a "
                "column is a thread.";
        if (c.runs > 0 && c.steps_left < c.steps_found) {
            page += " Minimised from " + std::to_string(c.steps_found) + " to " + std::to_string(c.steps_left) +
                    " steps in " + std::to_string(c.runs) + " runs.";
        }
        page += "</p>\n";
        add_legend(page, c);
        add_graph(page, c);
        if (!c.stale_because.empty()) {
            page += "<h2>Why a read may see something old</h2><ul>";
            for (const std::string& why : c.stale_because) {
                page += "<li>" + escaped(why) + "</li>";
            }
            page += "</ul>\n";
        }
        if (!c.objects.empty()) {
            page += "<h2>Objects</h2><table>";
            for (const counterexample_object& o : c.objects) {
                page += "<tr><td>" + escaped(o.name) + "</td><td>" + escaped(o.description) + "</td></tr>";
            }
            page += "</table>\n";
        }
        page += "<script type=\"application/json\" id=edges>" + edges_json_of(c) + "</script>\n<script>";
        page += behaviour;
        page += "</script>\n";
    }
    return page + "</main></body></html>\n";
}

#pragma GCC visibility pop

} // namespace gantry::check
