"""Addresses of the campaign pages."""

from __future__ import annotations

from django.urls import path, register_converter

from campaigns import (
    assets,
    calendar_views,
    confirm_views,
    copy_views,
    decision_views,
    desk_views,
    export_views,
    lately_views,
    line_test_views,
    monitoring_views,
    new_views,
    path_converters,
    proof_views,
    queue_views,
    receipt_views,
    rules_views,
    slice_views,
    stop_views,
    views,
    when_views,
)

register_converter(path_converters.Digits, "digits")
register_converter(path_converters.Id, "id")

app_name = "campaigns"
urlpatterns = [
    path("", views.campaign_list, name="list"),
    path("campaigns/new/", new_views.new_campaign, name="new"),
    path("campaigns/<id:campaign_id>/", views.campaign, name="campaign"),
    path("campaigns/<id:campaign_id>/receipt/", receipt_views.receipt, name="receipt"),
    path(
        "campaigns/<id:campaign_id>/receipt/all.csv",
        receipt_views.download,
        name="receipt-csv",
    ),
    path(
        "campaigns/<id:campaign_id>/receipt/<slug:reason>/",
        receipt_views.group,
        name="receipt-group",
    ),
    path(
        "campaigns/<id:campaign_id>/receipt/<slug:reason>.csv",
        receipt_views.download,
        name="receipt-group-csv",
    ),
    path("campaigns/<id:campaign_id>/recipients/", views.add_phone, name="add-phone"),
    path("campaigns/<id:campaign_id>/confirm/", confirm_views.confirm, name="confirm"),
    path("campaigns/<id:campaign_id>/trial/", confirm_views.trial, name="trial"),
    path("campaigns/<id:campaign_id>/start/", confirm_views.start, name="start"),
    path("campaigns/<id:campaign_id>/lately/", lately_views.lately, name="lately"),
    path("campaigns/<id:campaign_id>/when/", when_views.when, name="when"),
    path(
        "campaigns/<id:campaign_id>/start-now/", when_views.start_now, name="start-now"
    ),
    path(
        "campaigns/<id:campaign_id>/unschedule/",
        when_views.unschedule,
        name="unschedule",
    ),
    path("campaigns/<id:campaign_id>/slice/", slice_views.trial_slice, name="slice"),
    path("campaigns/<id:campaign_id>/continue/", when_views.go_on, name="continue"),
    path("campaigns/<id:campaign_id>/pause/", views.pause, name="pause"),
    path("campaigns/<id:campaign_id>/resume/", views.resume, name="resume"),
    path("campaigns/<id:campaign_id>/cancel/", views.cancel, name="cancel"),
    path(
        "campaigns/<id:campaign_id>/messages/<id:message_id>/",
        decision_views.message,
        name="message",
    ),
    path(
        "campaigns/<id:campaign_id>/decide/<slug:what>/",
        decision_views.decide,
        name="decide",
    ),
    path("campaigns/<id:campaign_id>/search/", desk_views.search, name="search"),
    path("lines/", desk_views.lines, name="lines"),
    path("lines/<id:line_id>/", desk_views.line, name="line"),
    path("lines/<id:line_id>/test/", line_test_views.line_test, name="line-test"),
    path("lines/<id:line_id>/rules/", rules_views.rules, name="rules"),
    path("lines/<id:line_id>/calendar/", calendar_views.calendar, name="calendar"),
    path(
        "lines/<id:line_id>/calendar/<str:day>/",
        calendar_views.day,
        name="calendar-day",
    ),
    path("campaigns/<id:campaign_id>/calendar/", calendar_views.placed, name="placed"),
    path("phones/", desk_views.phones, name="phones"),
    path("phones/<digits:digits>/", desk_views.phone, name="phone"),
    path("lines/<id:line_id>/release/", decision_views.release, name="release"),
    path("queue/", queue_views.queue, name="queue"),
    path("metrics", monitoring_views.metrics, name="metrics"),
    path("readyz", monitoring_views.readyz, name="readyz"),
    path("stops/", stop_views.stop_list, name="stops"),
    path("stops/remove/", stop_views.remove_stop, name="remove-stop"),
    path("stops/export.csv", stop_views.stops_file, name="stops-file"),
    path(
        "campaigns/<id:campaign_id>/export.<slug:kind>",
        export_views.export,
        name="export",
    ),
    path("campaigns/<id:campaign_id>/proof.zip", proof_views.proof, name="proof"),
    path("campaigns/<id:campaign_id>/copy/", copy_views.copy, name="copy"),
    path("campaigns/<id:campaign_id>/edit/", copy_views.edit, name="edit"),
    path("campaigns/<id:campaign_id>/delete/", copy_views.delete, name="delete"),
    path("assets/<slug:digest>/<str:name>", assets.asset, name="asset"),
]
