"""Fills in an export as a person does: `fill.py FROM TO`, with `{account: [new username, new password]}` on standard input.

Fails on any formula, on a cell that lost its format, and on a sheet that is not as people need it.
"""

import json
import sys

from openpyxl import load_workbook

source, target = sys.argv[1:]
wanted = json.load(sys.stdin)
book = load_workbook(source)
assert book.sheetnames == ["Accounts", "Read me"], book.sheetnames
for sheet in book:
    for row in sheet.iter_rows():
        for cell in row:
            assert cell.data_type in ("s", "n") and (cell.value is None or isinstance(cell.value, str)), cell.coordinate

sheet = book["Accounts"]
assert book.active is sheet and sheet.freeze_panes == "A2", sheet.freeze_panes
titles = [cell.value for cell in sheet[1]]
for title in ("Account", "Username", "New username", "New password"):
    place = titles.index(title) + 1
    # Neighbours with the same format are one entry.
    formats = [column.number_format for column in sheet.column_dimensions.values() if column.min <= place <= column.max]
    assert formats == ["@"], (title, formats)


def put(row, title, text):
    cell = sheet.cell(row, titles.index(title) + 1)
    cell.value = text
    # The library takes a text that begins with = for a formula; a person writes it into a column of texts.
    if text:
        cell.data_type = "s"


filled = 0
for row in range(2, sheet.max_row + 1):
    username, password = wanted[sheet.cell(row, 1).value]
    put(row, "New username", username or None)
    put(row, "New password", password)
    filled += 1
book.save(target)
print(filled)
