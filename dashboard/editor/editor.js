// The statement of page SQL: CodeMirror with ClickHouse's dialect, in Streamlit's theme.
import { basicSetup, EditorView } from "codemirror"
import { SQLDialect, SQLite, sql } from "@codemirror/lang-sql"
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language"
import { Compartment } from "@codemirror/state"
import { placeholder } from "@codemirror/view"
import { tags } from "@lezer/highlight"

// What ClickHouse has besides standard SQL.
const clickhouse = SQLDialect.define({
  // Of the dialects that are there the one closest to the standard.
  keywords:
    SQLite.spec.keywords +
    " anti any apply array asof explain final format global ilike interpolate limit offset paste" +
    " pipeline prewhere qualify sample semi settings top totals",
  types:
    "array bool date date32 datetime datetime64 decimal enum fixedstring float32 float64 int8 int16" +
    " int32 int64 int128 int256 ipv4 ipv6 json lowcardinality map nullable string tuple uint8" +
    " uint16 uint32 uint64 uint128 uint256 uuid",
  backslashEscapes: true,
  hashComments: true,
  identifierQuotes: '`"',
  doubleQuotedStrings: false,
})

const theme = EditorView.theme({
  "&": {
    height: "100%",
    color: "var(--st-text-color)",
    backgroundColor: "var(--st-secondary-background-color)",
    border: "1px solid var(--st-border-color)",
    borderRadius: "var(--st-base-radius)",
    fontSize: "13px",
  },
  "&.cm-focused": { outline: "1px solid var(--st-primary-color)" },
  ".cm-scroller": { fontFamily: "var(--st-code-font)", lineHeight: "1.5" },
  ".cm-content": { caretColor: "var(--st-text-color)" },
  ".cm-cursor": { borderLeftColor: "var(--st-text-color)" },
  ".cm-gutters": {
    color: "var(--st-gray-text-color)",
    backgroundColor: "transparent",
    border: "none",
  },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "transparent" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground":
    { backgroundColor: "var(--st-blue-background-color)" },
  ".cm-placeholder": { color: "var(--st-gray-text-color)" },
  ".cm-tooltip": {
    color: "var(--st-text-color)",
    backgroundColor: "var(--st-background-color)",
    border: "1px solid var(--st-border-color)",
  },
  ".cm-tooltip-autocomplete ul li[aria-selected]": {
    color: "var(--st-text-color)",
    backgroundColor: "var(--st-blue-background-color)",
  },
})

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--st-blue-text-color)", fontWeight: "600" },
  { tag: [tags.typeName, tags.standard(tags.name)], color: "var(--st-violet-text-color)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--st-green-text-color)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--st-orange-text-color)" },
  { tag: tags.comment, color: "var(--st-gray-text-color)", fontStyle: "italic" },
])

const editors = new WeakMap()

// Streamlit calls this each time the data or the theme changes. `data`: `text`, shown whenever
// `edition` is another than before; `schema`: {database: {table: [column, …]}} to complete from.
// What was typed goes back as state `text` when the editor loses the focus, and as trigger `run` when
// Ctrl+Enter is pressed in it.
export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  let editor = editors.get(parentElement)
  if (!editor) {
    editor = { language: new Compartment(), edition: data.edition, schema: "" }
    editors.set(parentElement, editor)
    const send = () => editor.setStateValue("text", editor.view.state.doc.toString())
    // Before the page takes the keys for its button, which would run what it was told of before.
    editor.onKey = (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.key !== "Enter" || !editor.view.hasFocus) return
      event.preventDefault()
      event.stopImmediatePropagation()
      editor.setTriggerValue("run", editor.view.state.doc.toString())
    }
    window.addEventListener("keydown", editor.onKey, true)
    editor.view = new EditorView({
      doc: data.text,
      parent: parentElement.querySelector("div"),
      root: parentElement,
      extensions: [
        basicSetup,
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": "Statement" }),
        EditorView.domEventHandlers({ blur: () => (send(), false) }),
        placeholder("select …"),
        theme,
        syntaxHighlighting(colours),
        editor.language.of([]),
      ],
    })
  }
  Object.assign(editor, { setStateValue, setTriggerValue })
  const { view } = editor
  if (editor.edition !== data.edition) {
    editor.edition = data.edition
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: data.text } })
  }
  const schema = JSON.stringify(data.schema)
  if (editor.schema !== schema) {
    editor.schema = schema
    const language = sql({ dialect: clickhouse, schema: data.schema, defaultSchema: "gold" })
    view.dispatch({ effects: editor.language.reconfigure(language) })
  }
  return () => {
    window.removeEventListener("keydown", editor.onKey, true)
    view.destroy()
    editors.delete(parentElement)
  }
}
